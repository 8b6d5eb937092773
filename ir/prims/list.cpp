// Names and kinds of primitives, made from the list.
#include "ir/prims/list.h"

#include <array>
#include <unordered_map>

namespace jaxc::ir {
namespace {

struct Entry {
  std::string_view name;
  Kind kind;
};

constexpr std::array<Entry, primitive_count> entries = {{
#define JAXC_PRIMITIVE_ENTRY(enumerator, printed, kind) {printed, Kind::kind},
    JAXC_PRIMITIVES(JAXC_PRIMITIVE_ENTRY)
#undef JAXC_PRIMITIVE_ENTRY
}};

std::unordered_map<std::string_view, Primitive> index_by_name() {
  std::unordered_map<std::string_view, Primitive> index;
  for (std::size_t i = 0; i < entries.size(); ++i) index.emplace(entries[i].name, static_cast<Primitive>(i));
  return index;
}

}  // namespace

std::string_view name(Primitive primitive) {
  return entries[static_cast<std::size_t>(primitive)].name;
}

Kind kind(Primitive primitive) {
  return entries[static_cast<std::size_t>(primitive)].kind;
}

std::optional<Primitive> primitive_from_name(std::string_view name) {
  static const std::unordered_map<std::string_view, Primitive> index = index_by_name();
  const auto found = index.find(name);
  if (found == index.end()) return std::nullopt;
  return found->second;
}

}  // namespace jaxc::ir
