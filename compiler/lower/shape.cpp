// Lowering of primitives that move elements: each result is a nest that reads its operand by affine indices.
#include <array>
#include <bit>
#include <numeric>

#include "compiler/lower/literals.h"
#include "compiler/lower/rules.h"
#include "ir/prims/parameters.h"
#include "jaxc/error.h"

namespace jaxc::compiler::lowering {

using ir::ArrayId;
using ir::Atom;
using ir::Index;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;
using Axes = std::span<const OpId>;

namespace {

/// Whether storage has one dimension more than the type: the parts of complex numbers and keys.
bool has_parts(DType dtype) {
  return is_complex(dtype) || dtype == DType::key;
}

/// Defines an output as a view: `indices` gives, for a point of the result (without parts), the operand's indices.
template <typename Indices>
void view(Lowering& lowering, ir::Variable output, const Atom& operand, const Indices& indices) {
  const Type& type = lowering.type(output);
  const std::size_t rank = type.shape.size();
  lowering.define(output, lowering.generate(storage_shape(type), [&](RegionBuilder& builder, Axes axes) {
    std::vector<Index> from = indices(axes.first(rank));
    if (has_parts(type.dtype)) from.push_back(at(axes.back()));
    return lowering.element(builder, operand, std::move(from));
  }));
}

/// The bounds test low <= op < high, or nothing when it holds on all of [0, extent).
std::optional<OpId> within(RegionBuilder& builder, OpId op, std::int64_t low, std::int64_t high, std::int64_t extent) {
  std::optional<OpId> guard;
  if (low > 0) guard = builder.binary(Opcode::le, builder.integer(DType::i64, low), op);
  if (high < extent) {
    const OpId below = builder.binary(Opcode::lt, op, builder.integer(DType::i64, high));
    guard = guard ? builder.binary(Opcode::bit_and, *guard, below) : below;
  }
  return guard;
}

/// Consecutive places of the axis along which operands are joined. An array that lacks the axis is one place.
struct Part {
  const Atom* literal = nullptr;  ///< else it is the array
  ArrayId array = 0;
  std::int64_t extent = 1;
  bool has_axis = true;
};

/// Beyond this many, parts are joined by groups first: an element then passes few bounds tests.
constexpr std::size_t most_parts = 32;

/// The parts side by side along `axis`, in the type's storage form.
ArrayId join_few(Lowering& lowering, const Type& type, std::size_t axis, std::span<const Part> parts) {
  std::vector<std::int64_t> ends;
  std::int64_t total = 0;
  for (const Part& part : parts) ends.push_back(total += part.extent);
  Shape shape = storage_shape(type);
  shape.at(axis) = total;
  return lowering.generate(shape, [&](RegionBuilder& builder, Axes axes) {
    std::optional<OpId> value;
    // The last part stands at the end of the chain; each earlier one replaces it before its own end. One whose
    // indices do not name the axis can be read anywhere.
    for (std::size_t k = parts.size(); k-- > 0;) {
      const Part& part = parts[k];
      const std::int64_t start = ends[k] - part.extent;
      const bool along = part.has_axis && part.extent > 1;
      std::vector<Index> indices;
      for (std::size_t d = 0; d < axes.size(); ++d) {
        if (d != axis) indices.push_back(at(axes[d]));
        if (d == axis && part.has_axis) indices.push_back(along ? at(axes[d], 1, -start) : fixed(0));
      }
      const auto inside = within(builder, axes[axis], along ? start : 0, ends[k], total);
      if (part.literal != nullptr) {
        const OpId constant = lowering.element(builder, *part.literal, std::move(indices));
        value = inside && value ? builder.select(*inside, constant, *value) : constant;
      } else if (inside) {
        const OpId fallback = value ? *value : builder.integer(storage_dtype(type.dtype), 0);
        value = builder.read(lowering.dtype(part.array), part.array, std::move(indices), *inside, fallback);
      } else {
        value = lowering.read(builder, part.array, std::move(indices));
      }
    }
    return *value;
  });
}

/// Joins operands along `axis`, which they have (concatenate) or lack (stack).
void join(Lowering& lowering, const Equation& equation, std::size_t axis, bool keep_axis) {
  const Type& type = lowering.type(equation.outputs[0]);
  std::vector<Part> parts;
  for (const Atom& operand : equation.inputs) {
    const std::int64_t extent = keep_axis ? lowering.type(operand).shape.at(axis) : 1;
    if (extent == 0) continue;
    const bool is_literal = std::holds_alternative<ir::Literal>(operand);
    parts.push_back({is_literal ? &operand : nullptr, is_literal ? 0 : lowering.array(operand), extent, keep_axis});
  }
  if (parts.empty()) return zeros_like(lowering, equation);
  while (parts.size() > most_parts) {
    std::vector<Part> groups;
    for (std::size_t k = 0; k < parts.size(); k += most_parts) {
      const std::span<const Part> group = std::span(parts).subspan(k, std::min(most_parts, parts.size() - k));
      std::int64_t extent = 0;
      for (const Part& part : group) extent += part.extent;
      groups.push_back({nullptr, join_few(lowering, type, axis, group), extent, true});
    }
    parts = std::move(groups);
  }
  lowering.define(equation.outputs[0], join_few(lowering, type, axis, parts));
}

/// Parts of the operand along `axis` from `starts`; `keep_axis`: split, else unstack.
void divide(Lowering& lowering, const Equation& equation, std::size_t axis, bool keep_axis,
            std::span<const std::int64_t> starts) {
  for (std::size_t k = 0; k < equation.outputs.size(); ++k) {
    view(lowering, equation.outputs[k], equation.inputs[0], [&](Axes axes) {
      std::vector<Index> indices = at(axes);
      if (keep_axis)
        indices[axis].offset = starts[k];
      else
        indices.insert(indices.begin() + static_cast<std::ptrdiff_t>(axis), fixed(starts[k]));
      return indices;
    });
  }
}

}  // namespace

void require_small(Lowering& lowering, std::int64_t padding) {
  constexpr std::int64_t bound = std::int64_t{1} << 48;
  if (padding <= -bound || padding >= bound)
    lowering.fail(fmt::format("paddings are less than 2^48, got {}; slice instead", padding));
}

void broadcast_in_dim(Lowering& lowering, const Equation& equation) {
  const Shape from = lowering.type(equation.inputs[0]).shape;
  const auto dimensions = equation.parameters.integers_or("broadcast_dimensions", {});
  if (lowering.writes_region()) return identity(lowering, equation);
  view(lowering, equation.outputs[0], equation.inputs[0], [&](Axes axes) {
    std::vector<Index> indices;
    for (std::size_t k = 0; k < from.size(); ++k)
      indices.push_back(from[k] == 1 ? fixed(0) : at(axes[static_cast<std::size_t>(dimensions[k])]));
    return indices;
  });
}

// The result's axis of extent reps * n is read at its remainder by n: written over the split axes, then merged.
void tile(Lowering& lowering, const Equation& equation) {
  const Type& type = lowering.type(equation.outputs[0]);
  const Type& from = lowering.type(equation.inputs[0]);
  const auto repetitions = equation.parameters.integers("reps");
  Shape split;
  for (std::size_t k = 0; k < from.shape.size(); ++k) {
    split.push_back(repetitions[k]);
    split.push_back(from.shape[k]);
  }
  const std::size_t rank = from.shape.size();
  if (has_parts(from.dtype)) split.push_back(2);
  const ArrayId tiled = lowering.generate(split, [&](RegionBuilder& builder, Axes axes) {
    std::vector<Index> indices;
    for (std::size_t k = 0; k < rank; ++k) indices.push_back(at(axes[2 * k + 1]));
    if (has_parts(from.dtype)) indices.push_back(at(axes.back()));
    return lowering.element(builder, equation.inputs[0], std::move(indices));
  });
  lowering.define(equation.outputs[0], lowering.reshape(tiled, storage_shape(type)));
}

void concatenate(Lowering& lowering, const Equation& equation) {
  join(lowering, equation, static_cast<std::size_t>(equation.parameters.integer("dimension")), true);
}

void stack(Lowering& lowering, const Equation& equation) {
  join(lowering, equation, static_cast<std::size_t>(equation.parameters.integer("axis")), false);
}

void unstack(Lowering& lowering, const Equation& equation) {
  std::vector<std::int64_t> starts(equation.outputs.size());
  std::iota(starts.begin(), starts.end(), 0);
  divide(lowering, equation, static_cast<std::size_t>(equation.parameters.integer("axis")), false, starts);
}

void split(Lowering& lowering, const Equation& equation) {
  std::vector<std::int64_t> starts;
  std::int64_t start = 0;
  for (std::int64_t size : equation.parameters.integers("sizes")) {
    starts.push_back(start);
    start += size;
  }
  divide(lowering, equation, static_cast<std::size_t>(equation.parameters.integer("axis")), true, starts);
}

// Element i of the operand lands at low + i * (interior + 1); every other place holds the padding value.
void pad(Lowering& lowering, const Equation& equation) {
  const Type& type = lowering.type(equation.outputs[0]);
  const Type& from = lowering.type(equation.inputs[0]);
  const std::vector<ir::PadAmount> amounts = ir::pad_amounts(equation.parameters);
  const std::size_t rank = type.shape.size();
  for (const ir::PadAmount& amount : amounts) require_small(lowering, amount.low);
  if (element_count(from.shape) == 0) {
    const ArrayId padding = lowering.generate(storage_shape(type), [&](RegionBuilder& builder, Axes axes) {
      std::vector<Index> part;
      if (has_parts(type.dtype)) part.push_back(at(axes.back()));
      return lowering.element(builder, equation.inputs[1], std::move(part));
    });
    return lowering.define(equation.outputs[0], padding);
  }
  const auto value = [&](RegionBuilder& builder, Axes axes) {
    std::optional<OpId> guard;
    std::vector<Index> indices;
    const auto both = [&](std::optional<OpId> condition) {
      if (condition) guard = guard ? builder.binary(Opcode::bit_and, *guard, *condition) : *condition;
    };
    for (std::size_t k = 0; k < rank; ++k) {
      const std::int64_t low = amounts[k].low;
      const std::int64_t step = amounts[k].interior + 1;
      const std::int64_t end = low + (from.shape[k] - 1) * step + 1;
      both(within(builder, axes[k], low, end, type.shape[k]));
      if (step == 1) {
        indices.push_back(at(axes[k], 1, -low));
        continue;
      }
      const OpId distance = builder.materialize(at(axes[k], 1, -low));
      const OpId every = builder.integer(DType::i64, step);
      both(builder.binary(Opcode::eq, builder.binary(Opcode::rem, distance, every), builder.integer(DType::i64, 0)));
      indices.push_back(at(builder.binary(Opcode::div, distance, every)));
    }
    std::vector<Index> part;
    if (has_parts(type.dtype)) {
      part.push_back(at(axes.back()));
      indices.push_back(at(axes.back()));
    }
    if (!guard) return lowering.element(builder, equation.inputs[0], std::move(indices));
    const OpId fallback = lowering.element(builder, equation.inputs[1], std::move(part));
    if (std::holds_alternative<ir::Literal>(equation.inputs[0]))
      return builder.select(*guard, lowering.element(builder, equation.inputs[0], std::move(indices)), fallback);
    const ArrayId operand = lowering.array(equation.inputs[0]);
    return builder.read(lowering.dtype(operand), operand, std::move(indices), *guard, fallback);
  };
  lowering.define(equation.outputs[0], lowering.generate(storage_shape(type), value));
}

// Also squeeze and expand_dims. `dimensions`, where given, is the order in which the operand's axes are read.
void reshape(Lowering& lowering, const Equation& equation) {
  if (lowering.writes_region()) return identity(lowering, equation);
  const Type& type = lowering.type(equation.outputs[0]);
  ArrayId source = lowering.array(equation.inputs[0]);
  const auto order = equation.primitive == ir::Primitive::reshape ? equation.parameters.integers_or("dimensions", {})
                                                                  : std::vector<std::int64_t>{};
  if (!order.empty()) {
    Shape shape = lowering.shape(source);
    for (std::size_t k = 0; k < order.size(); ++k)
      shape[k] = lowering.shape(source)[static_cast<std::size_t>(order[k])];
    source = lowering.generate(shape, [&](RegionBuilder& builder, Axes axes) {
      std::vector<OpId> indices(axes.begin(), axes.end());
      for (std::size_t k = 0; k < order.size(); ++k) indices[static_cast<std::size_t>(order[k])] = axes[k];
      return lowering.read(builder, source, indices);
    });
  }
  lowering.define(equation.outputs[0], lowering.reshape(source, storage_shape(type)));
}

void rev(Lowering& lowering, const Equation& equation) {
  const Shape shape = lowering.type(equation.inputs[0]).shape;
  view(lowering, equation.outputs[0], equation.inputs[0], [&](Axes axes) {
    std::vector<Index> indices = at(axes);
    for (std::int64_t axis : equation.parameters.integers("dimensions")) {
      const auto k = static_cast<std::size_t>(axis);
      indices[k] = at(axes[k], -1, shape[k] - 1);
    }
    return indices;
  });
}

void transpose(Lowering& lowering, const Equation& equation) {
  const auto permutation = equation.parameters.integers("permutation");
  view(lowering, equation.outputs[0], equation.inputs[0], [&](Axes axes) {
    std::vector<Index> indices(axes.size());
    for (std::size_t k = 0; k < axes.size(); ++k) indices[static_cast<std::size_t>(permutation[k])] = at(axes[k]);
    return indices;
  });
}

void slice(Lowering& lowering, const Equation& equation) {
  const auto starts = equation.parameters.integers("start_indices");
  const auto strides = equation.parameters.integers_or("strides", std::vector<std::int64_t>(starts.size(), 1));
  const Shape shape = lowering.type(equation.outputs[0]).shape;
  view(lowering, equation.outputs[0], equation.inputs[0], [&](Axes axes) {
    std::vector<Index> indices;
    for (std::size_t k = 0; k < axes.size(); ++k)
      indices.push_back(shape[k] == 1 ? fixed(starts[k]) : at(axes[k], strides[k], starts[k]));
    return indices;
  });
}

void iota(Lowering& lowering, const Equation& equation) {
  const Type& type = lowering.type(equation.outputs[0]);
  const auto dimension = static_cast<std::size_t>(equation.parameters.integer("dimension"));
  lowering.elementwise(equation, [&](RegionBuilder& builder, std::span<const ScalarValue>) {
    const OpId value = builder.convert(compute_dtype(type.dtype), builder.axis(static_cast<int>(dimension)));
    if (is_complex(type.dtype)) return ScalarValue{value, builder.integer(builder.dtype(value), 0)};
    return ScalarValue{value};
  });
}

void empty(Lowering& lowering, const Equation& equation) {
  zeros_like(lowering, equation);
}

// Bits in the order of memory: the first of several narrow elements holds the lowest bits.
void bitcast_convert_type(Lowering& lowering, const Equation& equation) {
  const Type& to = lowering.type(equation.outputs[0]);
  const Type& from = lowering.type(equation.inputs[0]);
  const DType wide = storage_dtype(to.dtype);
  const DType source = storage_dtype(from.dtype);
  const std::int64_t from_bits = value_bits(from.dtype);
  const std::int64_t to_bits = value_bits(to.dtype);
  const auto unsigned_of = [](DType dtype) {
    constexpr std::array dtypes = {DType::u8, DType::u16, DType::u32, DType::u64};
    return dtypes[static_cast<std::size_t>(std::countr_zero(element_bytes(dtype)))];
  };
  const std::size_t rank = from.shape.size();
  if (from.dtype == to.dtype) return lowering.define(equation.outputs[0], lowering.array(equation.inputs[0]));
  if (is_complex(from.dtype))
    lowering.fail("keeps complex numbers as they are; take their real and imaginary parts first");
  lowering.define(equation.outputs[0], lowering.generate(storage_shape(to), [&](RegionBuilder& builder, Axes axes) {
    // Bits above a narrow integer's own are dropped, or its sign fills them.
    const auto as_result = [&](OpId bits) {
      const OpId value = builder.bitcast(wide, builder.convert(unsigned_of(wide), bits));
      return is_narrow_integer(to.dtype) ? lowering.round(builder, to.dtype, value) : value;
    };
    if (from_bits == to_bits) {
      const OpId value = lowering.element(builder, equation.inputs[0], at(axes));
      return as_result(builder.bitcast(unsigned_of(source), value));
    }
    if (from_bits > to_bits) {
      const DType bits = unsigned_of(source);
      const OpId value = builder.bitcast(bits, lowering.element(builder, equation.inputs[0], at(axes.first(rank))));
      const OpId shift = builder.convert(bits, builder.materialize(at(axes.back(), to_bits)));
      return as_result(builder.binary(Opcode::shift_right_logical, value, shift));
    }
    const DType bits = unsigned_of(wide);
    OpId sum = builder.integer(bits, 0);
    for (std::int64_t k = 0; k < to_bits / from_bits; ++k) {
      std::vector<Index> indices = at(axes);
      indices.push_back(fixed(k));
      const OpId element = lowering.element(builder, equation.inputs[0], std::move(indices));
      OpId part = builder.convert(bits, builder.bitcast(unsigned_of(source), element));
      if (is_narrow_integer(from.dtype))
        part = builder.binary(Opcode::bit_and, part, builder.integer(bits, (std::int64_t{1} << from_bits) - 1));
      sum = builder.binary(Opcode::bit_or, sum,
                           builder.binary(Opcode::shift_left, part, builder.integer(bits, from_bits * k)));
    }
    return as_result(sum);
  }));
}

}  // namespace jaxc::compiler::lowering
