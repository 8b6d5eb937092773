// Lexer: reads the tokens of a jaxpr's text on demand, because its parameters hold Python's free forms.
#pragma once

#include <fmt/format.h>

#include <complex>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/source.h"

namespace jaxc::ir {

/// The value of a scalar in the text. Integers beyond 64 bits are not numbers.
using Number = std::variant<std::int64_t, std::uint64_t, double, std::complex<double>>;

class Lexer {
 public:
  explicit Lexer(const Source& source);

  /// The place of the next character, which is not blank after any call of skip_blank.
  std::size_t offset() const { return offset_; }
  void seek(std::size_t offset) { offset_ = offset; }
  /// The text from `start` up to here.
  std::string_view text_since(std::size_t start) const { return text().substr(start, offset_ - start); }
  std::string_view text() const { return source_.text(); }

  /// Skips blanks, new lines and comments, which are from a "#" after a blank to the end of the line; true when there
  /// was a new line.
  bool skip_blank();
  bool at_end() const { return offset_ == text().size(); }
  /// The next character; '\0' at the end. No blanks are skipped.
  char current() const { return at(0); }
  /// The character `distance` after the next one; '\0' beyond the end.
  char at(std::size_t distance) const;
  /// Skips blanks, then gives the next character.
  char peek();
  /// Skips blanks, then takes `character` when it is next.
  bool take(char character);
  /// Takes `character`, or throws an Error that names it and says what it belongs to.
  void expect(char character, std::string_view where);
  /// Skips blanks, then takes `word` when it is the next word.
  bool take_keyword(std::string_view word);

  /// The word that starts here, without taking it: a letter or "_", then letters, digits and "_"; may be empty.
  std::string_view word_here() const;
  /// Takes and returns word_here().
  std::string_view take_word();
  /// Whether this text comes next, and not as the start of a longer word.
  bool at_phrase(std::string_view phrase) const;
  /// Like a word, but "-", "." and ":" may follow the first character: scatter-add, GatherScatterMode.CLIP.
  std::string_view take_dotted_word();
  /// Takes the name of a let and the "=" after it. Names are any text: "unnamed function". Nothing when no "= {" comes
  /// next on this line.
  std::optional<std::string_view> take_let_name();
  /// Takes a number of Python's repr: 1, -2.5, 1e-06, inf, -nan, 2j, (1+2j). Nothing, and nothing taken, when there
  /// is none. A word must not follow it directly.
  std::optional<Number> take_number();
  /// Takes a quoted string with its quotes. Nothing when it does not end on its line.
  std::optional<std::string_view> take_string();
  /// The place of the `}` that closes the `{` at `offset`. Throws Error when there is none.
  std::size_t closing_brace(std::size_t offset) const;

  /// Throws Error at the next character, or at another place.
  template <typename... Arguments>
  [[noreturn]] void fail(fmt::format_string<Arguments...> format, const Arguments&... arguments) const {
    fail_text(offset_, format, fmt::make_format_args(arguments...));
  }
  template <typename... Arguments>
  [[noreturn]] void fail_at(std::size_t offset, fmt::format_string<Arguments...> format,
                            const Arguments&... arguments) const {
    fail_text(offset, format, fmt::make_format_args(arguments...));
  }
  /// Throws the Error "expected ..., got ..." with what is next.
  template <typename... Arguments>
  [[noreturn]] void fail_expecting(fmt::format_string<Arguments...> format, const Arguments&... arguments) const {
    fail_expecting_text(format, fmt::make_format_args(arguments...));
  }
  const Source& source() const { return source_; }

 private:
  /// "'x'" or "the end of the text".
  std::string next_for_message() const;
  // Not inlined: the readers recurse, and their frames must be small.
  [[noreturn]] void fail_text(std::size_t offset, fmt::string_view format, fmt::format_args arguments) const;
  [[noreturn]] void fail_expecting_text(fmt::string_view format, fmt::format_args arguments) const;
  std::optional<double> take_real(bool& is_integer);
  std::optional<Number> take_scalar();
  void match_braces();
  bool at_comment() const;

  const Source& source_;
  std::size_t offset_ = 0;
  std::vector<std::pair<std::size_t, std::size_t>> braces_;  // places of { and its }, ordered by the first
};

bool is_word_start(char character);
bool is_word_part(char character);

}  // namespace jaxc::ir
