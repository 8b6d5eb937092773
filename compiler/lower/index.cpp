// Lowering of reads and writes at computed places: dynamic slices, gather and the scatter family.
#include <algorithm>
#include <limits>

#include "compiler/lower/inline_region.h"
#include "compiler/lower/parts.h"
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

bool has_parts(DType dtype) {
  return is_complex(dtype) || dtype == DType::key;
}

/// An index of any integer type as i64; u64 beyond i64 becomes its greatest value.
OpId position(RegionBuilder& builder, OpId index) {
  if (builder.dtype(index) == DType::u64)
    index = builder.binary(Opcode::min, index, builder.integer(DType::u64, std::numeric_limits<std::int64_t>::max()));
  return builder.convert(DType::i64, index);
}

OpId clamped(RegionBuilder& builder, OpId index, std::int64_t most) {
  const OpId bounded = builder.binary(Opcode::min, index, builder.integer(DType::i64, most));
  return builder.binary(Opcode::max, bounded, builder.integer(DType::i64, 0));
}

/// start + axis, per dimension; starts are clamped so that a window of `sizes` fits `extents`.
std::vector<Index> window_indices(Lowering& lowering, RegionBuilder& builder, std::span<const Atom> starts,
                                  const Shape& extents, const Shape& sizes, Axes axes) {
  std::vector<Index> indices;
  for (std::size_t k = 0; k < extents.size(); ++k) {
    Index index = sizes[k] == 1 ? fixed(0) : at(axes[k]);
    if (extents[k] != sizes[k]) {
      const OpId start = position(builder, lowering.element(builder, starts[k], {}));
      index.terms.push_back({1, clamped(builder, start, extents[k] - sizes[k])});
    }
    indices.push_back(std::move(index));
  }
  return indices;
}

/// The places that gather reads or scatter writes: per dimension of the operand a start, from the index
/// vectors or from a batch axis, plus a window coordinate.
struct Places {
  std::vector<std::int64_t> start_map;  ///< component of the index vector to dimension
  std::vector<std::int64_t> operand_batch, index_batch;
  std::vector<std::int64_t> window_axes;  ///< of the result or the updates, increasing
  std::vector<bool> windowless;           ///< dimensions without a window coordinate
  Shape sizes;                            ///< of the window, per dimension
  Shape extents;                          ///< of the operand
  ir::IndexMode mode;

  struct Found {
    std::vector<Index> indices;
    std::optional<OpId> inside;  ///< whether the window lies within the operand; nothing when it always does
  };

  Found find(Lowering& lowering, RegionBuilder& builder, const Atom& index_vectors, Axes axes, std::size_t rank) const {
    std::vector<OpId> windows;
    std::vector<OpId> batches;
    for (std::size_t k = 0; k < rank; ++k) {
      const bool is_window =
          std::find(window_axes.begin(), window_axes.end(), static_cast<std::int64_t>(k)) != window_axes.end();
      (is_window ? windows : batches).push_back(axes[k]);
    }
    Found found;
    found.indices.resize(extents.size());
    std::size_t next_window = 0;
    for (std::size_t d = 0; d < extents.size(); ++d)
      if (!windowless[d]) found.indices[d] = at(windows[next_window++]);
    for (std::size_t k = 0; k < operand_batch.size(); ++k) {
      const OpId batch = batches[static_cast<std::size_t>(index_batch[k])];
      found.indices[static_cast<std::size_t>(operand_batch[k])].terms.push_back({1, batch});
    }
    for (std::size_t component = 0; component < start_map.size(); ++component) {
      const auto d = static_cast<std::size_t>(start_map[component]);
      const std::int64_t most = extents[d] - sizes[d];
      std::vector<Index> where = at(batches);
      where.push_back(fixed(static_cast<std::int64_t>(component)));
      OpId start = position(builder, lowering.element(builder, index_vectors, std::move(where)));
      if (mode == ir::IndexMode::clip) {
        start = clamped(builder, start, most);
      } else {
        const OpId inside =
            builder.binary(Opcode::bit_and, builder.binary(Opcode::le, builder.integer(DType::i64, 0), start),
                           builder.binary(Opcode::le, start, builder.integer(DType::i64, most)));
        found.inside = found.inside ? builder.binary(Opcode::bit_and, *found.inside, inside) : inside;
      }
      found.indices[d].terms.push_back({1, start});
    }
    if (has_parts(dtype)) found.indices.push_back(at(axes.back()));
    return found;
  }

  DType dtype;
};

/// What JAX fills with: NaN, the least signed and the greatest unsigned integer, true.
ir::ScalarConstant default_fill(DType dtype) {
  if (dtype == DType::f16) return {DType::u16, 0x7e00};
  if (dtype == DType::bf16) return {DType::u16, 0x7fc0};
  const DType storage = storage_dtype(dtype);
  if (is_floating(storage)) return ir::constant_of(storage, std::numeric_limits<double>::quiet_NaN());
  return identity_of(is_signed_integer(dtype) ? Opcode::max : Opcode::min, dtype);
}

ir::ScalarConstant fill_value(Lowering& lowering, const Equation& equation, DType dtype) {
  const ir::Parameter* parameter = equation.parameters.find("fill_value");
  if (parameter == nullptr) return default_fill(dtype);
  ir::Literal literal;
  literal.type = Type{dtype, {}};
  const auto take = [&](const auto& value) {
    using Value = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<Value, bool> || std::is_same_v<Value, std::int64_t> ||
                  std::is_same_v<Value, std::uint64_t> || std::is_same_v<Value, double> ||
                  std::is_same_v<Value, std::complex<double>>) {
      literal.value = value;
      return true;
    } else {
      return false;
    }
  };
  return std::visit(take, parameter->value) ? lowering.constant(literal) : default_fill(dtype);
}

/// How a scatter joins the old element and the update; nothing where the update replaces.
std::optional<Opcode> scatter_opcode(ir::Primitive primitive) {
  switch (primitive) {
    case ir::Primitive::scatter_add:
      return Opcode::add;
    case ir::Primitive::scatter_sub:
      return Opcode::sub;
    case ir::Primitive::scatter_mul:
      return Opcode::mul;
    case ir::Primitive::scatter_min:
      return Opcode::min;
    case ir::Primitive::scatter_max:
      return Opcode::max;
    default:
      return std::nullopt;
  }
}

/// The new element from the old one and the update, in storage form.
ir::Region combination(Lowering& lowering, Opcode opcode, DType dtype) {
  RegionBuilder builder;
  const OpId old = builder.argument(storage_dtype(dtype));
  const OpId update = builder.argument(storage_dtype(dtype));
  const OpId value =
      builder.binary(opcode, lowering.widen(builder, dtype, old), lowering.widen(builder, dtype, update));
  const OpId result = lowering.round(builder, dtype, value);
  return builder.finish({result});
}

// The function of a plain scatter that computes with the old element, as x.at[i].apply(f) makes; null where the
// new element is stored as it is.
ir::JaxprPointer applied_function(const Equation& equation) {
  if (equation.primitive != ir::Primitive::scatter) return nullptr;
  const ir::Parameter* parameter = equation.parameters.find("update_jaxpr");
  const auto* jaxpr = parameter == nullptr ? nullptr : std::get_if<ir::JaxprPointer>(&parameter->value);
  if (jaxpr == nullptr || *jaxpr == nullptr || (*jaxpr)->inputs.size() != 2) return nullptr;
  const auto* stored = std::get_if<ir::Variable>(&(*jaxpr)->outputs.at(0));
  return stored != nullptr && *stored == (*jaxpr)->inputs[1] ? nullptr : *jaxpr;
}

using CombineComplex =
    std::function<ComplexCode::Number(RegionBuilder&, ComplexCode::Number old, ComplexCode::Number update)>;

/// The function that joins complex numbers; nothing where their parts are joined by themselves.
CombineComplex complex_combination(Lowering& lowering, const ir::JaxprPointer& applied, std::optional<Opcode> opcode,
                                   DType dtype) {
  if (!is_complex(dtype)) return nullptr;
  if (applied) {
    return [region = lowering.region(*applied)](RegionBuilder& builder, ComplexCode::Number old,
                                                ComplexCode::Number update) {
      const std::vector<OpId> arguments = {old.real, old.imaginary, update.real, update.imaginary};
      const std::vector<OpId> results = inline_region(builder, region, arguments);
      return ComplexCode::Number{results.at(0), results.at(1)};
    };
  }
  if (!opcode || *opcode == Opcode::add || *opcode == Opcode::sub) return nullptr;
  return [&lowering, dtype, fold = ComplexFold::of(*opcode)](RegionBuilder& builder, ComplexCode::Number old,
                                                             ComplexCode::Number update) {
    ComplexCode code(lowering, builder, storage_dtype(dtype));
    return (code.*fold.step)(old, update);
  };
}

/// A scatter of complex numbers, update after update.
ArrayId scatter_in_order(Lowering& lowering, const Equation& equation, const Places& places, ArrayId base,
                         const CombineComplex& combine) {
  const Shape& shape = lowering.type(equation.inputs[2]).shape;
  LoopForm form;
  form.name = name(equation.primitive);
  form.trip_count = element_count(shape);
  form.carries = {base};
  const LoopValues values = lowering.loop(form, [&](const LoopArguments& arguments) {
    const ArrayId old = arguments.carries[0];
    const auto point = [&](RegionBuilder& builder, OpId part) {
      std::vector<OpId> axes(shape.size());
      OpId rest = lowering.read_scalar(builder, arguments.position);
      for (std::size_t k = shape.size(); k-- > 0;) {
        const OpId extent = builder.integer(DType::i64, shape[k]);
        axes[k] = builder.binary(Opcode::rem, rest, extent);
        rest = builder.binary(Opcode::div, rest, extent);
      }
      axes.push_back(part);
      return axes;
    };
    const ArrayId next = lowering.generate({2}, [&](RegionBuilder& builder, Axes axes) {
      const std::vector<OpId> at_point = point(builder, axes[0]);
      const Places::Found found = places.find(lowering, builder, equation.inputs[1], at_point, shape.size());
      const auto old_part = [&](std::int64_t part) {
        std::vector<Index> indices = found.indices;
        indices.back() = fixed(part);
        const OpId inside = found.inside ? *found.inside : builder.boolean(true);
        return builder.read(lowering.dtype(old), old, std::move(indices), inside,
                            builder.integer(lowering.dtype(old), 0));
      };
      const std::vector<OpId> update =
          parts_of(lowering, builder, equation.inputs[2], at(Axes(at_point).first(shape.size())));
      return part_at(builder, axes[0], combine(builder, {old_part(0), old_part(1)}, {update[0], update[1]}));
    });
    const ArrayId stored = lowering.update(old, {2}, [&](RegionBuilder& builder, Axes axes) {
      Places::Found found = places.find(lowering, builder, equation.inputs[1], point(builder, axes[0]), shape.size());
      return Store{lowering.read(builder, next, axes), std::move(found.indices), found.inside};
    });
    return LoopValues{{stored}, {}};
  });
  return values.carries[0];
}

}  // namespace

void dynamic_slice(Lowering& lowering, const Equation& equation) {
  const Type& type = lowering.type(equation.outputs[0]);
  const Type& from = lowering.type(equation.inputs[0]);
  const std::span<const Atom> starts = std::span<const Atom>(equation.inputs).subspan(1);
  lowering.define(equation.outputs[0], lowering.generate(storage_shape(type), [&](RegionBuilder& builder, Axes axes) {
    std::vector<Index> indices = window_indices(lowering, builder, starts, from.shape, type.shape, axes);
    if (has_parts(type.dtype)) indices.push_back(at(axes.back()));
    return lowering.element(builder, equation.inputs[0], std::move(indices));
  }));
}

void dynamic_update_slice(Lowering& lowering, const Equation& equation) {
  const Type& type = lowering.type(equation.inputs[0]);
  const Type& update = lowering.type(equation.inputs[1]);
  const std::span<const Atom> starts = std::span<const Atom>(equation.inputs).subspan(2);
  const ArrayId base = lowering.array(equation.inputs[0]);
  lowering.define(equation.outputs[0],
                  lowering.update(base, storage_shape(update), [&](RegionBuilder& builder, Axes axes) {
                    Store store;
                    store.value = lowering.element(builder, equation.inputs[1], at(axes));
                    store.indices = window_indices(lowering, builder, starts, type.shape, update.shape, axes);
                    if (has_parts(type.dtype)) store.indices.push_back(at(axes.back()));
                    return store;
                  }));
}

void gather(Lowering& lowering, const Equation& equation) {
  const ir::GatherNumbers numbers = ir::gather_numbers(equation.parameters);
  const Type& type = lowering.type(equation.outputs[0]);
  Places places;
  places.start_map = numbers.start_index_map;
  places.operand_batch = numbers.operand_batch_axes;
  places.index_batch = numbers.index_batch_axes;
  places.window_axes = numbers.offset_axes;
  places.sizes = equation.parameters.integers("slice_sizes");
  places.extents = lowering.type(equation.inputs[0]).shape;
  places.mode = ir::gather_mode(equation.parameters);
  places.dtype = lowering.type(equation.inputs[0]).dtype;
  places.windowless.resize(places.extents.size());
  for (std::int64_t axis : numbers.collapsed_axes) places.windowless[static_cast<std::size_t>(axis)] = true;
  for (std::int64_t axis : numbers.operand_batch_axes) places.windowless[static_cast<std::size_t>(axis)] = true;
  if (element_count(places.extents) == 0) return zeros_like(lowering, equation);
  lowering.define(equation.outputs[0], lowering.generate(storage_shape(type), [&](RegionBuilder& builder, Axes axes) {
    Places::Found found = places.find(lowering, builder, equation.inputs[1], axes, type.shape.size());
    if (!found.inside) return lowering.element(builder, equation.inputs[0], std::move(found.indices));
    OpId fallback = builder.constant(fill_value(lowering, equation, type.dtype));
    // A complex filling is real.
    if (is_complex(type.dtype))
      fallback = builder.select(builder.binary(Opcode::eq, axes.back(), builder.integer(DType::i64, 0)), fallback,
                                builder.integer(builder.dtype(fallback), 0));
    if (std::holds_alternative<ir::Literal>(equation.inputs[0]))
      return builder.select(*found.inside, lowering.element(builder, equation.inputs[0], std::move(found.indices)),
                            fallback);
    const ArrayId operand = lowering.array(equation.inputs[0]);
    return builder.read(lowering.dtype(operand), operand, std::move(found.indices), *found.inside, fallback);
  }));
}

// Points of the index vectors' axes may collide, so they run in order unless the program says otherwise.
void scatter(Lowering& lowering, const Equation& equation) {
  const ir::ScatterNumbers numbers = ir::scatter_numbers(equation.parameters);
  const Type& operand = lowering.type(equation.inputs[0]);
  const Type& updates = lowering.type(equation.inputs[2]);
  Places places;
  places.start_map = numbers.index_to_operand_axes;
  places.operand_batch = numbers.operand_batch_axes;
  places.index_batch = numbers.index_batch_axes;
  places.window_axes = numbers.update_window_axes;
  places.extents = operand.shape;
  places.mode = ir::scatter_mode(equation.parameters);
  places.dtype = lowering.type(equation.inputs[0]).dtype;
  places.windowless.resize(operand.shape.size());
  for (std::int64_t axis : numbers.inserted_axes) places.windowless[static_cast<std::size_t>(axis)] = true;
  for (std::int64_t axis : numbers.operand_batch_axes) places.windowless[static_cast<std::size_t>(axis)] = true;
  // Windows of several index vectors overlap where they move along an axis, so that axis has an order too.
  std::vector<bool> moves(operand.shape.size());
  for (std::int64_t axis : places.start_map) moves[static_cast<std::size_t>(axis)] = true;
  std::vector<bool> meets(updates.shape.size(), true);
  std::int64_t vectors = element_count(updates.shape);
  std::size_t next_window = 0;
  for (std::size_t d = 0; d < operand.shape.size(); ++d) {
    if (places.windowless[d]) {
      places.sizes.push_back(1);
      continue;
    }
    const auto axis = static_cast<std::size_t>(numbers.update_window_axes[next_window++]);
    const std::int64_t size = updates.shape[axis];
    places.sizes.push_back(size);
    meets[axis] = moves[d] && size < operand.shape[d];
    if (size > 0) vectors /= size;
  }
  if (vectors <= 1) std::fill(meets.begin(), meets.end(), false);
  const ArrayId base = lowering.array(equation.inputs[0]);
  if (element_count(operand.shape) == 0) return lowering.define(equation.outputs[0], base);
  const bool unique = equation.parameters.boolean_or("unique_indices", false);
  const ir::JaxprPointer applied = applied_function(equation);
  const std::optional<Opcode> opcode = scatter_opcode(equation.primitive);
  if (const CombineComplex combine = complex_combination(lowering, applied, opcode, operand.dtype))
    return lowering.define(equation.outputs[0], scatter_in_order(lowering, equation, places, base, combine));
  std::optional<ir::Region> combine;
  if (applied) combine = lowering.region(*applied);
  if (opcode) combine = combination(lowering, *opcode, operand.dtype);
  lowering.define(equation.outputs[0],
                  lowering.update(
                      base, storage_shape(updates),
                      [&](RegionBuilder& builder, Axes axes) {
                        Places::Found found =
                            places.find(lowering, builder, equation.inputs[1], axes, updates.shape.size());
                        return Store{lowering.element(builder, equation.inputs[2], at(axes)), std::move(found.indices),
                                     found.inside};
                      },
                      combine,
                      [&](std::size_t axis) {
                        return !unique && axis < updates.shape.size() && meets[axis] && updates.shape[axis] != 1;
                      }));
}

}  // namespace jaxc::compiler::lowering
