// LU with partial pivoting, right-looking: each step swaps two rows, scales a column, updates what is left.
#include <limits>

#include "compiler/lower/routines/batched.h"
#include "compiler/lower/routines/routines.h"

namespace jaxc::compiler::lowering {

namespace {

// The first row at or below `step` with the largest |matrix[row, step]|; i64.
ArrayId pivot_row(Lowering& lowering, const Batched& item, ArrayId matrix, ArrayId position, std::int64_t rows) {
  const DType dtype = lowering.dtype(matrix);
  const ArrayId largest = item.reduce({}, {rows}, Opcode::max, dtype, [&](RegionBuilder& b, auto batch, auto axes) {
    const OpId k = lowering.read_scalar(b, position);
    const OpId size = b.unary(Opcode::abs, item.read(b, matrix, batch, {axes[0], k}));
    const OpId usable = b.select(b.unary(Opcode::is_nan, size), b.constant(dtype, -1), size);
    return b.select(less(b, axes[0], k), b.constant(dtype, -1), usable);
  });
  const ArrayId first = item.reduce({}, {rows}, Opcode::min, DType::i64, [&](RegionBuilder& b, auto batch, auto axes) {
    const OpId k = lowering.read_scalar(b, position);
    const OpId size = b.unary(Opcode::abs, item.read(b, matrix, batch, {axes[0], k}));
    const OpId found = both(b, b.binary(Opcode::le, k, axes[0]), equal(b, size, item.read(b, largest, batch, {})));
    return b.select(found, axes[0], b.integer(DType::i64, std::numeric_limits<std::int64_t>::max()));
  });
  return item.generate({}, [&](RegionBuilder& b, auto batch, auto) {  // all NaN: no swap
    return b.binary(Opcode::min, item.read(b, first, batch, {}),
                    b.select(less(b, item.read(b, first, batch, {}), b.integer(DType::i64, rows)),
                             b.integer(DType::i64, rows - 1), lowering.read_scalar(b, position)));
  });
}

// `array` (items of `width` elements a row, or of scalars when width is 0) with rows `step` and `pivot` swapped.
ArrayId swap_rows(Lowering& lowering, const Batched& item, ArrayId array, ArrayId position, ArrayId pivot,
                  std::int64_t width) {
  const Shape row = width == 0 ? Shape{} : Shape{width};
  const auto element = [&](RegionBuilder& b, auto batch, OpId number, auto axes) {
    return width == 0 ? item.read(b, array, batch, {number}) : item.read(b, array, batch, {number, axes[0]});
  };
  const ArrayId upper = item.generate(row, [&](RegionBuilder& b, auto batch, auto axes) {
    return element(b, batch, lowering.read_scalar(b, position), axes);
  });
  const ArrayId lower = item.generate(row, [&](RegionBuilder& b, auto batch, auto axes) {
    return element(b, batch, item.read(b, pivot, batch, {}), axes);
  });
  const auto place = [&](ArrayId base, ArrayId source, bool at_pivot) {
    return item.update(base, row, [&](RegionBuilder& b, auto batch, auto axes) {
      Batched::ItemStore store;
      std::vector<OpId> within(axes.begin(), axes.end());
      store.value = width == 0 ? item.read(b, source, batch, {}) : item.read(b, source, batch, {axes[0]});
      store.position = {at_pivot ? item.read(b, pivot, batch, {}) : lowering.read_scalar(b, position)};
      store.position.insert(store.position.end(), within.begin(), within.end());
      return store;
    });
  };
  return place(place(array, lower, false), upper, true);
}

std::vector<ArrayId> factor(Lowering& lowering, ArrayId matrix) {
  const Shape& shape = lowering.shape(matrix);
  const std::int64_t rows = shape[shape.size() - 2];
  const std::int64_t columns = shape.back();
  const std::int64_t steps = std::min(rows, columns);
  const Batched item(lowering, Batched::batch_of(shape, 2));
  const DType dtype = lowering.dtype(matrix);
  const ArrayId identity =
      item.generate({rows}, [](RegionBuilder& b, auto, auto axes) { return b.convert(DType::i32, axes[0]); });
  const auto step = [&](const LoopArguments& arguments) -> LoopValues {
    const ArrayId position = arguments.position;
    const ArrayId pivot = pivot_row(lowering, item, arguments.carries[0], position, rows);
    const ArrayId swapped = swap_rows(lowering, item, arguments.carries[0], position, pivot, columns);
    const ArrayId permutation = swap_rows(lowering, item, arguments.carries[1], position, pivot, 0);
    const ArrayId row = item.generate({columns}, [&](RegionBuilder& b, auto batch, auto axes) {
      return item.read(b, swapped, batch, {lowering.read_scalar(b, position), axes[0]});
    });
    const ArrayId column = item.generate({rows}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId k = lowering.read_scalar(b, position);
      const OpId diagonal = item.read(b, swapped, batch, {k, k});
      const OpId divisor = b.select(equal(b, diagonal, b.constant(dtype, 0)), b.constant(dtype, 1), diagonal);
      return b.binary(Opcode::div, item.read(b, swapped, batch, {axes[0], k}), divisor);
    });
    const ArrayId next = item.generate({rows, columns}, [&](RegionBuilder& b, auto batch, auto axes) {
      const OpId k = lowering.read_scalar(b, position);
      const OpId old = item.read(b, swapped, batch, {axes[0], axes[1]});
      const OpId factor = item.read(b, column, batch, {axes[0]});
      const OpId updated = minus_product(b, old, factor, item.read(b, row, batch, {axes[1]}));
      const OpId right = b.select(less(b, k, axes[1]), updated, old);
      const OpId below = b.select(equal(b, axes[1], k), factor, right);
      return b.select(less(b, k, axes[0]), below, old);
    });
    const ArrayId pivot_number = item.generate(
        {}, [&](RegionBuilder& b, auto batch, auto) { return b.convert(DType::i32, item.read(b, pivot, batch, {})); });
    return {{next, permutation}, {pivot_number}};
  };
  const LoopValues values = lowering.loop({.name = "lu",
                                           .trip_count = steps,
                                           .carries = {matrix, identity},
                                           .output_axis = static_cast<int>(item.batch().size())},
                                          step);
  return {values.carries[0], values.outputs[0], values.carries[1]};
}

}  // namespace

void lu(Lowering& lowering, const Equation& equation) {
  if (is_complex(lowering.type(equation.inputs[0]).dtype)) lowering.fail("complex matrices cannot be lowered");
  const ArrayId matrix = lowering.array(equation.inputs[0]);
  const auto outputs = lowering.routine("lu", {{matrix}}, [&] { return factor(lowering, matrix); });
  for (std::size_t k = 0; k < equation.outputs.size(); ++k) lowering.define(equation.outputs[k], outputs[k]);
}

void lu_pivots_to_permutation(Lowering& lowering, const Equation& equation) {
  const ArrayId pivots = lowering.array(equation.inputs[0]);
  const std::int64_t size = equation.parameters.integer("permutation_size");
  const Batched item(lowering, Batched::batch_of(lowering.shape(pivots), 1));
  const auto outputs = lowering.routine("lu_pivots_to_permutation", {{pivots}}, [&]() -> std::vector<ArrayId> {
    const ArrayId identity =
        item.generate({size}, [](RegionBuilder& b, auto, auto axes) { return b.convert(DType::i32, axes[0]); });
    return lowering
        .loop({.name = "lu_pivots_to_permutation",
               .trip_count = lowering.shape(pivots).back(),
               .carries = {identity},
               .inputs = {{pivots, static_cast<int>(item.batch().size())}}},
              [&](const LoopArguments& arguments) -> LoopValues {
                const ArrayId pivot = item.generate({}, [&](RegionBuilder& b, auto batch, auto) {
                  const OpId row = b.convert(DType::i64, item.read(b, arguments.inputs[0], batch, {}));
                  return b.binary(Opcode::max, b.integer(DType::i64, 0),
                                  b.binary(Opcode::min, row, b.integer(DType::i64, size - 1)));
                });
                return {{swap_rows(lowering, item, arguments.carries[0], arguments.position, pivot, 0)}, {}};
              })
        .carries;
  });
  lowering.define(equation.outputs[0], outputs[0]);
}

}  // namespace jaxc::compiler::lowering
