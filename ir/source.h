// Source: a program's text, its lines, and messages that point into it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ir/jaxpr.h"
#include "jaxc/error.h"

namespace jaxc::ir {

/// An Error whose message already has its place.
class LocatedError : public Error {
 public:
  using Error::Error;
};

/// A program's text and where it came from. Terminal colour codes are removed, so that places
/// refer to what a reader sees.
class Source {
 public:
  Source(std::string_view text, std::string_view origin);

  const std::string& text() const { return text_; }
  const std::string& origin() const { return origin_; }
  /// The line and column, both from 1, of a byte of the text.
  Location locate(std::size_t offset) const;
  /// "origin:line:column: message", then that line and a caret under the column.
  std::string render(Location location, std::string_view message) const;
  /// Throws LocatedError with render(locate(offset), message).
  [[noreturn]] void fail(std::size_t offset, std::string_view message) const;

 private:
  std::string text_;
  std::string origin_;
  std::vector<std::size_t> line_starts_;
};

/// The equation's text on one line, its sub-jaxprs left out, after its place:
/// "line 3:5: c:f32[2] = mul a b". Variables are named as print() names them.
std::string describe(const Jaxpr& jaxpr, const Equation& equation);

}  // namespace jaxc::ir
