// Reads the types of binders and literals: "f32[3,4]", "key<fry>[]", "f32<host>[8@x]{V:x}".
#pragma once

#include "ir/lexer.h"

namespace jaxc::ir {

/// The type that starts here. Memory spaces, sharding and weakness are dropped.
/// Throws Error for unknown dtypes, references, tokens, symbolic extents and arrays beyond 2^40 bytes.
Type read_type(Lexer& lexer);

}  // namespace jaxc::ir
