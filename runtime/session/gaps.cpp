// How complete the table of primitives is.
#include "compiler/prims/record.h"
#include "ir/prims/list.h"
#include "jaxc/jaxc.h"

namespace jaxc {

std::size_t primitive_total() {
  return ir::primitive_count;
}

std::vector<PrimitiveGap> primitive_gaps() {
  std::vector<PrimitiveGap> gaps = {{"evaluate", {}}, {"lower", {}}, {"batch", {}}, {"jvp", {}}, {"transpose", {}}};
  for (std::size_t k = 0; k < ir::primitive_count; ++k) {
    const auto primitive = static_cast<ir::Primitive>(k);
    const compiler::Record& record = compiler::record(primitive);
    const bool missing[] = {record.evaluate.missing(), record.lower.missing(), record.batch.missing(),
                            record.jvp.missing(), record.transpose.missing()};
    for (std::size_t rule = 0; rule < gaps.size(); ++rule)
      if (missing[rule]) gaps[rule].primitives.emplace_back(ir::name(primitive));
  }
  return gaps;
}

}  // namespace jaxc
