// Source: finding lines and drawing carets.
#include "ir/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace jaxc::ir {
namespace {

constexpr char escape = '\x1b';

/// The text without colour codes (ESC [ digits and semicolons, a letter), other escapes, and a byte order mark.
std::string plain_text(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != escape) {
      plain.push_back(text[i]);
    } else if (i + 1 < text.size() && text[i + 1] == '[') {
      std::size_t end = i + 2;
      while (end < text.size() && (text[end] == ';' || ('0' <= text[end] && text[end] <= '9'))) ++end;
      if (end < text.size() && (text[end] == 'm' || text[end] == 'K')) i = end;
    }
  }
  return plain;
}

std::uint32_t clamp_to_32_bits(std::size_t value) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Source::Source(std::string_view text, std::string_view origin) : text_(plain_text(text)), origin_(origin) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
}

Location Source::locate(std::size_t offset) const {
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), std::min(offset, text_.size()));
  const auto line = static_cast<std::size_t>(next - line_starts_.begin());
  return {clamp_to_32_bits(line), clamp_to_32_bits(std::min(offset, text_.size()) - line_starts_[line - 1] + 1)};
}

std::string Source::render(Location location, std::string_view message) const {
  if (location.line == 0 || location.line > line_starts_.size()) return fmt::format("{}: {}", origin_, message);
  const std::size_t start = line_starts_[location.line - 1];
  const std::size_t end = std::min(text_.find('\n', start), text_.size());
  // A window of the line around the column: lines may be very long.
  constexpr std::size_t before = 100;
  constexpr std::size_t width = 160;
  const std::size_t column = std::min<std::size_t>(location.column - 1, end - start);
  const std::size_t shown_start = column > before ? column - before : 0;
  std::string shown = text_.substr(start + shown_start, std::min(width, end - start - shown_start));
  for (char& character : shown) {
    if (static_cast<unsigned char>(character) < ' ' || character == '\x7f') character = ' ';
  }
  return fmt::format("{}:{}:{}: {}\n  {}\n  {:>{}}", origin_, location.line, location.column, message, shown, '^',
                     column - shown_start + 1);
}

void Source::fail(std::size_t offset, std::string_view message) const {
  throw LocatedError(render(locate(offset), message));
}

}  // namespace jaxc::ir
