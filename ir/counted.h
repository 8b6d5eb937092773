// Counts in messages: "1 input", "2 inputs".
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace jaxc::ir {

/// The count and the noun in its number; "carry" and "entry" become "carries" and "entries".
template <typename Integer>
std::string counted(Integer count, std::string_view noun) {
  if (count == 1) return fmt::format("1 {}", noun);
  if (noun.ends_with("ry")) return fmt::format("{} {}ies", count, noun.substr(0, noun.size() - 1));
  return fmt::format("{} {}s", count, noun);
}

}  // namespace jaxc::ir
