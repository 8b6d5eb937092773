// The master table of records, made from the list of primitives.
#include "compiler/prims/record.h"

namespace jaxc::compiler {

namespace {

constexpr const Record* table[] = {
#define JAXC_RECORD_ENTRY(enumerator, ...) &records::enumerator,
    JAXC_PRIMITIVES(JAXC_RECORD_ENTRY)
#undef JAXC_RECORD_ENTRY
};

}  // namespace

const Record& record(ir::Primitive primitive) {
  return *table[static_cast<std::size_t>(primitive)];
}

}  // namespace jaxc::compiler
