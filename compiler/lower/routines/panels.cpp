// Chooses panels, and walks those that are left of a matrix.
#include "compiler/lower/routines/panels.h"

namespace jaxc::compiler::lowering {

bool has_panels(const Lowering& lowering, std::int64_t extent, std::int64_t least) {
  return lowering.options().for_caches && extent >= least;
}

Panels panels_of(std::int64_t extent, std::int64_t smallest, std::int64_t largest) {
  Panels best;
  std::int64_t least_padding = std::numeric_limits<std::int64_t>::max();
  for (std::int64_t size = largest; size >= smallest; --size) {
    const Panels panels{(extent + size - 1) / size, size};
    const std::int64_t padding = panels.extent() - extent;
    if (padding < least_padding) {
      least_padding = padding;
      best = panels;
    }
  }
  return best;
}

Panels row_panels_of(std::int64_t extent) {
  // Loops of at most 16 steps would be unrolled, which takes long to compile.
  constexpr std::int64_t longest_single = 40;
  if (extent <= longest_single) return {1, extent};
  return panels_of(extent, 17, 32);
}

Place row_of(const Panels& panels, const Scalar& panel, const Scalar& row) {
  return ir::Index{0, {ir::Index::Term{panels.size, panel.real}, ir::Index::Term{1, row.real}}};
}

Scalar row_number(const Panels& panels, const Scalar& panel, const Scalar& row) {
  return panel * panel.part(panel.builder->integer(DType::i64, panels.size)) + row;
}

Place row_within(const Panels& panels, const Scalar& panel, const Scalar& row, std::int64_t extent) {
  if (panels.extent() <= extent) return row_of(panels, panel, row);
  return min(row_number(panels, panel, row), panel.part(panel.builder->integer(DType::i64, extent - 1)));
}

ArrayId first_panel(const Items& items) {
  return items.lowering().scalar(ir::constant_of_integer(DType::i64, 0));
}

Elements joined(const Items& items, const Panels& panels, const Elements& stacked, std::int64_t columns) {
  const Shape shape = items.shape({panels.extent(), columns});
  Elements result{items.lowering().reshape(stacked.real, shape)};
  if (stacked.imaginary) result.imaginary = items.lowering().reshape(*stacked.imaginary, shape);
  return result;
}

ArrayId next_panel(const Items& items, ArrayId panel, bool reverse) {
  return items.lowering().map({}, {panel}, [&](RegionBuilder& b, auto number) {
    return b.binary(reverse ? Opcode::sub : Opcode::add, number[0], b.integer(DType::i64, 1));
  });
}

Elements each_panel_from(const Items& items, const Panels& panels, ArrayId first, bool reverse, const Elements& initial,
                         const std::function<Elements(ArrayId panel, const Elements& carry)>& body) {
  Lowering& lowering = items.lowering();
  return items.loop_while(
      "panels", {{first}, initial},
      [&](const std::vector<Elements>& carries) {
        return lowering.map({}, {carries[0].real}, [&](RegionBuilder& b, auto number) {
          return reverse ? b.binary(Opcode::le, b.integer(DType::i64, 0), number[0])
                         : b.binary(Opcode::lt, number[0], b.integer(DType::i64, panels.count));
        });
      },
      [&](const std::vector<Elements>& carries) -> std::vector<Elements> {
        return {{next_panel(items, carries[0].real, reverse)}, body(carries[0].real, carries[1])};
      })[1];
}

}  // namespace jaxc::compiler::lowering
