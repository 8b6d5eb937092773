// Finds the note NT_GNU_BUILD_ID of the loaded file that holds this code.
#include "runtime/build_identity.h"

#include <fmt/format.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <span>

namespace jaxc::runtime {

namespace {

std::size_t padded(std::size_t bytes) {
  return (bytes + 3) / 4 * 4;
}

/// The build ID among the notes of a segment; empty when there is none.
std::string find_note(const char* next, const char* end) {
  while (static_cast<std::size_t>(end - next) > sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, next, sizeof(header));
    const char* name = next + sizeof(header);
    const char* value = name + padded(header.n_namesz);
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      std::string text;
      for (const char byte : std::span(value, header.n_descsz))
        text += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
      return text;
    }
    next = value + padded(header.n_descsz);
  }
  return "";
}

int visit(dl_phdr_info* info, std::size_t, void* result) {
  const std::span segments(info->dlpi_phdr, info->dlpi_phnum);
  const auto here = reinterpret_cast<std::uintptr_t>(&build_identity);
  bool holds_this = false;
  for (const ElfW(Phdr) & segment : segments)
    holds_this =
        holds_this || (segment.p_type == PT_LOAD && here - (info->dlpi_addr + segment.p_vaddr) < segment.p_memsz);
  if (!holds_this) return 0;
  for (const ElfW(Phdr) & segment : segments) {
    if (segment.p_type != PT_NOTE) continue;
    const char* begin = reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr);
    std::string note = find_note(begin, begin + segment.p_memsz);
    if (!note.empty()) *static_cast<std::string*>(result) = std::move(note);
  }
  return 1;
}

}  // namespace

std::string build_identity() {
  std::string identity;
  dl_iterate_phdr(visit, &identity);
  return identity;
}

}  // namespace jaxc::runtime
