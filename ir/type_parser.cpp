// Types in a jaxpr's text.
#include "ir/type_parser.h"

#include <fmt/format.h>

#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

void skip_balanced(Lexer& lexer, char open, char close) {
  const std::size_t start = lexer.offset();
  std::size_t depth = 0;
  do {
    const char next = lexer.current();
    if (next == '\0' || next == '\n') lexer.fail_at(start, "this '{}' has no matching '{}'", open, close);
    if (next == open) ++depth;
    if (next == close) --depth;
    lexer.seek(lexer.offset() + 1);
  } while (depth > 0);
}

DType read_dtype(Lexer& lexer) {
  const std::size_t start = lexer.offset();
  const std::string_view word = lexer.take_word();
  if (word.empty()) lexer.fail_expecting("a type");
  if (word.find("Ref") != std::string_view::npos) {
    lexer.fail_at(start,
                  "{}: references to mutable memory have no values to compute with; write the "
                  "program with pure functions",
                  word);
  }
  if (word.find("Tok") != std::string_view::npos || word == "token") {
    lexer.fail_at(start, "{}: effects order computations by more than their values; remove the effect", word);
  }
  std::string_view space;
  if (lexer.current() == '<') {
    skip_balanced(lexer, '<', '>');
    space = lexer.text_since(start + word.size());
  }
  if (word == "key") {
    if (space == "<fry>") return DType::key;
    lexer.fail_at(start,
                  "key{}: random keys must be threefry's, key<fry>; choose jax_default_prng_impl="
                  "threefry2x32",
                  space);
  }
  const std::optional<DType> dtype = dtype_from_name(word == "void" ? "float0" : word);
  if (!dtype) lexer.fail_at(start, "{}: this element type is unknown", word);
  return *dtype;
}

std::int64_t read_extent(Lexer& lexer) {
  const std::size_t start = lexer.offset();
  const std::optional<Number> number = lexer.take_number();
  std::int64_t extent = 0;
  if (!number) {
    if (!lexer.word_here().empty()) {
      lexer.fail("{}: symbolic shapes have no size to compile for; export the program with concrete shapes",
                 lexer.word_here());
    }
    lexer.fail_expecting("an extent");
  }
  if (const auto* const integer = std::get_if<std::int64_t>(&*number)) {
    extent = *integer;
  } else {
    lexer.fail_at(start, "an extent must be an integer of 64 bits");
  }
  if (extent < 0) lexer.fail_at(start, "an extent must not be negative, got {}", extent);
  if (lexer.current() == '@') {
    lexer.take('@');
    if (lexer.current() == '(') {
      skip_balanced(lexer, '(', ')');
    } else {
      lexer.take_word();
    }
  }
  return extent;
}

}  // namespace

Type read_type(Lexer& lexer) {
  lexer.take('~');
  lexer.skip_blank();
  const std::size_t start = lexer.offset();
  Type type{read_dtype(lexer), {}};
  lexer.expect('[', "before the extents of a type");
  while (!lexer.take(']')) {
    lexer.skip_blank();
    type.shape.push_back(read_extent(lexer));
    if (!lexer.take(',') && lexer.peek() != ']') {
      lexer.fail_expecting("',' or ']' after an extent");
    }
  }
  if (lexer.current() == '{') skip_balanced(lexer, '{', '}');
  try {
    byte_count(type);
  } catch (const Error& error) {
    lexer.fail_at(start, "{}", error.what());
  }
  return type;
}

}  // namespace jaxc::ir
