// Lexer: characters to words, numbers and balanced pieces.
#include "ir/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace jaxc::ir {
namespace {

bool is_digit(char character) {
  return '0' <= character && character <= '9';
}

bool is_blank(char character) {
  return character == ' ' || character == '\n' || character == '\t' || character == '\r' || character == '\f';
}

}  // namespace

bool is_word_start(char character) {
  return ('a' <= character && character <= 'z') || ('A' <= character && character <= 'Z') || character == '_';
}

bool is_word_part(char character) {
  return is_word_start(character) || is_digit(character);
}

Lexer::Lexer(const Source& source) : source_(source) {
  match_braces();
}

char Lexer::at(std::size_t distance) const {
  return offset_ + distance < text().size() ? text()[offset_ + distance] : '\0';
}

bool Lexer::skip_blank() {
  bool new_line = false;
  while (offset_ < text().size()) {
    if (at_comment()) {
      offset_ = std::min(text().find('\n', offset_), text().size());
    } else if (is_blank(current())) {
      new_line |= current() == '\n';
      ++offset_;
    } else {
      break;
    }
  }
  return new_line;
}

bool Lexer::at_comment() const {
  return current() == '#' && (offset_ == 0 || is_blank(text()[offset_ - 1]));
}

char Lexer::peek() {
  skip_blank();
  return current();
}

bool Lexer::take(char character) {
  if (peek() != character || offset_ == text().size()) return false;
  ++offset_;
  return true;
}

void Lexer::expect(char character, std::string_view where) {
  if (!take(character)) fail_expecting("'{}' {}", character, where);
}

bool Lexer::take_keyword(std::string_view word) {
  skip_blank();
  if (word_here() != word) return false;
  offset_ += word.size();
  return true;
}

std::string_view Lexer::word_here() const {
  if (!is_word_start(current())) return {};
  std::size_t size = 1;
  while (is_word_part(at(size))) ++size;
  return text().substr(offset_, size);
}

std::string_view Lexer::take_word() {
  const std::string_view word = word_here();
  offset_ += word.size();
  return word;
}

bool Lexer::at_phrase(std::string_view phrase) const {
  return text().substr(offset_).starts_with(phrase) && !is_word_part(at(phrase.size()));
}

std::string_view Lexer::take_dotted_word() {
  const std::size_t start = offset_;
  take_word();
  if (offset_ == start) return {};
  while (is_word_part(current()) ||
         ((current() == '-' || current() == '.' || current() == ':') && is_word_part(at(1)))) {
    ++offset_;
  }
  return text_since(start);
}

std::optional<std::string_view> Lexer::take_let_name() {
  skip_blank();
  const std::size_t start = offset_;
  std::size_t end = start;
  for (; current() != '=' && current() != '{' && current() != '\n' && current() != '\0'; ++offset_) {
    if (!is_blank(current())) end = offset_ + 1;
  }
  if (end > start && take('=') && peek() == '{') return text().substr(start, end - start);
  offset_ = start;
  return std::nullopt;
}

std::optional<double> Lexer::take_real(bool& is_integer) {
  const std::size_t start = offset_;
  is_integer = false;
  if (current() == '-' || current() == '+') ++offset_;
  const bool negative = text()[start] == '-';
  if (is_word_start(current())) {
    // "j" may follow directly: (1+infj).
    for (const std::string_view word : {"inf", "nan"}) {
      if (!text().substr(offset_).starts_with(word)) continue;
      offset_ += word.size();
      const double magnitude =
          word == "inf" ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
      return negative ? -magnitude : magnitude;
    }
    offset_ = start;
    return std::nullopt;
  }
  const std::size_t digits = offset_;
  while (is_digit(current())) ++offset_;
  is_integer = true;
  std::size_t mantissa = offset_ - digits;
  if (current() == '.') {
    is_integer = false;
    ++offset_;
    const std::size_t fraction = offset_;
    while (is_digit(current())) ++offset_;
    mantissa += offset_ - fraction;
  }
  if (mantissa == 0) {
    offset_ = start;
    return std::nullopt;
  }
  if (current() == 'e' || current() == 'E') {
    const std::size_t sign = at(1) == '+' || at(1) == '-' ? 1 : 0;
    if (is_digit(at(1 + sign))) {
      is_integer = false;
      offset_ += 1 + sign;
      while (is_digit(current())) ++offset_;
    }
  }
  double magnitude = 0;
  const char* const first = text().data() + digits;
  const char* const last = text().data() + offset_;
  const std::from_chars_result result = std::from_chars(first, last, magnitude);
  if (result.ec == std::errc::result_out_of_range) {
    // Too large or too small for a double: Python's repr prints neither, so round as Python reads them.
    const std::string_view digits_read(first, last);
    const bool is_small = digits_read.find("e-") != std::string_view::npos || digits_read.starts_with("0.") ||
                          digits_read.starts_with(".");
    magnitude = is_small ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return negative ? -magnitude : magnitude;
}

std::optional<Number> Lexer::take_scalar() {
  const std::size_t start = offset_;
  bool is_integer = false;
  const std::optional<double> first = take_real(is_integer);
  if (!first) return std::nullopt;
  const std::size_t end = offset_;
  if (current() == 'j') {
    ++offset_;
    return std::complex<double>(0, *first);
  }
  if (!is_integer) return *first;
  const char* begin = text().data() + start;
  if (*begin == '+') ++begin;
  std::int64_t integer = 0;
  if (std::from_chars(begin, text().data() + end, integer).ec == std::errc()) return integer;
  std::uint64_t natural = 0;
  if (*begin != '-' && std::from_chars(begin, text().data() + end, natural).ec == std::errc()) return natural;
  offset_ = start;
  return std::nullopt;
}

std::optional<Number> Lexer::take_number() {
  const std::size_t start = offset_;
  std::optional<Number> number;
  if (current() == '(') {
    ++offset_;
    bool is_integer = false;
    const std::optional<double> real = take_real(is_integer);
    const bool is_signed = current() == '+' || current() == '-';
    const std::optional<double> imaginary = real && is_signed ? take_real(is_integer) : std::nullopt;
    if (imaginary && current() == 'j' && at(1) == ')') {
      offset_ += 2;
      number = std::complex<double>(*real, *imaginary);
    }
  } else {
    number = take_scalar();
  }
  if (!number || is_word_part(current()) || current() == '.') {
    offset_ = start;
    return std::nullopt;
  }
  return number;
}

std::optional<std::string_view> Lexer::take_string() {
  const std::size_t start = offset_;
  const char quote = current();
  for (++offset_; offset_ < text().size() && current() != '\n'; ++offset_) {
    if (current() == '\\' && at(1) != '\n') {
      ++offset_;
    } else if (current() == quote) {
      ++offset_;
      return text_since(start);
    }
  }
  offset_ = start;
  return std::nullopt;
}

void Lexer::match_braces() {
  std::vector<std::size_t> open;  // places in braces_
  for (seek(0); offset_ < text().size(); ++offset_) {
    const char character = current();
    if (character == '{') {
      open.push_back(braces_.size());
      braces_.emplace_back(offset_, std::string_view::npos);
    } else if (character == '}' && !open.empty()) {
      braces_[open.back()].second = offset_;
      open.pop_back();
    }
  }
  seek(0);
}

std::size_t Lexer::closing_brace(std::size_t offset) const {
  const auto found = std::lower_bound(braces_.begin(), braces_.end(), std::pair(offset, std::size_t{0}));
  if (found == braces_.end() || found->first != offset || found->second == std::string_view::npos) {
    fail_at(offset, "this '{{' has no matching '}}'");
  }
  return found->second;
}

void Lexer::fail_text(std::size_t offset, fmt::string_view format, fmt::format_args arguments) const {
  source_.fail(offset, fmt::vformat(format, arguments));
}

void Lexer::fail_expecting_text(fmt::string_view format, fmt::format_args arguments) const {
  fail("expected {}, got {}", fmt::vformat(format, arguments), next_for_message());
}

std::string Lexer::next_for_message() const {
  if (offset_ >= text().size()) return "the end of the text";
  const std::string_view word = word_here();
  if (!word.empty()) return fmt::format("'{}'", word.substr(0, 40));
  const char character = current();
  if (character < ' ' || character > '~') return fmt::format("byte 0x{:02x}", static_cast<unsigned char>(character));
  return fmt::format("'{}'", character);
}

}  // namespace jaxc::ir
