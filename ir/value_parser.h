// ValueParser: reads a parameter's value, whatever Python's str() printed.
#pragma once

#include <optional>
#include <string_view>

#include "ir/lexer.h"

namespace jaxc::ir {

/// The part of the grammar around a value: programs, and names of hoisted jaxprs.
class ProgramReader {
 public:
  virtual ~ProgramReader() = default;
  /// Reads a program that starts here: "{ lambda ..." or "let NAME = { ...".
  virtual JaxprPointer read_program() = 0;
  /// Takes the name of a hoisted let that is in scope and gives its jaxpr; null when none comes next.
  virtual JaxprPointer take_let() = 0;

  /// The number of brackets and jaxprs that are open.
  std::size_t depth = 0;
};

/// Reads the value of the parameter `key`. A value that is no Python literal, number, tuple, list, dict
/// or call is one Symbol that holds its text. Strings keep their quotes. np.int64(2) is 2,
/// dtype('float32') is float32, <Enum.MEMBER: 1> is Enum.MEMBER. A dict is a Call named "{}".
Parameter parse_value(Lexer& lexer, ProgramReader& programs, std::string_view key);

/// Whether a word that is the value of `key`, or is within it, may name a hoisted jaxpr.
bool may_name_jaxpr(std::string_view key);

/// The most brackets and jaxprs that may be open at one place.
inline constexpr std::size_t max_nesting = 1000;

/// Counts one open bracket or jaxpr while it lives. Throws Error, at the lexer's place, beyond max_nesting.
class Nesting {
 public:
  Nesting(std::size_t& depth, const Lexer& lexer) : depth_(depth) {
    if (depth_ >= max_nesting) lexer.fail("brackets and jaxprs are nested more than 1000 deep");
    ++depth_;
  }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  std::size_t& depth_;
};

}  // namespace jaxc::ir
