// Lowering of folds over sliding windows: reduce_window, pooling's gradients and convolution.
#include <limits>

#include "compiler/lower/general_fold.h"
#include "compiler/lower/parts.h"
#include "compiler/lower/rules.h"
#include "ir/prims/parameters.h"
#include "ir/saturate.h"
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

/// One axis of a window: place * stride + offset * dilation - low, in the operand dilated by `base`.
struct Slide {
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t base = 1;
  std::int64_t low = 0;
  std::int64_t extent = 0;  ///< of the operand
  std::int64_t places = 0;
  std::int64_t window = 1;
};

/// Collects the index of each axis and the guard under which all are within the operand.
class Reach {
 public:
  explicit Reach(RegionBuilder& builder) : builder_(builder) {}

  Index index(const Slide& slide, OpId place, OpId offset) {
    Index dilated{-slide.low, {}};
    if (slide.places != 1) dilated.terms.push_back({slide.stride, place});
    if (slide.window != 1) dilated.terms.push_back({slide.dilation, offset});
    const std::int64_t least = -slide.low;
    const std::int64_t most = (slide.places - 1) * slide.stride + (slide.window - 1) * slide.dilation - slide.low;
    const std::int64_t end = (slide.extent - 1) * slide.base + 1;
    if (slide.base == 1 && least >= 0 && most < end) return dilated;
    const OpId at_op = builder_.materialize(dilated);
    if (least < 0) require(builder_.binary(Opcode::le, number(0), at_op));
    if (most >= end) require(builder_.binary(Opcode::lt, at_op, number(end)));
    if (slide.base == 1) return dilated;
    require(builder_.binary(Opcode::eq, builder_.binary(Opcode::rem, at_op, number(slide.base)), number(0)));
    return at(builder_.binary(Opcode::div, at_op, number(slide.base)));
  }

  /// The operand's element where it is reached, else `fallback`.
  OpId read(Lowering& lowering, const Atom& operand, std::vector<Index> indices, OpId fallback) {
    if (!guard_) return lowering.element(builder_, operand, std::move(indices));
    if (std::holds_alternative<ir::Literal>(operand))
      return builder_.select(*guard_, lowering.element(builder_, operand, std::move(indices)), fallback);
    return read(lowering, lowering.array(operand), std::move(indices), fallback);
  }
  OpId read(Lowering& lowering, ArrayId array, std::vector<Index> indices, OpId fallback) {
    if (!guard_) return lowering.read(builder_, array, std::move(indices));
    return builder_.read(lowering.dtype(array), array, std::move(indices), *guard_, fallback);
  }
  /// The parts of the operand's element, zeros where it is not reached.
  std::vector<OpId> read_parts(Lowering& lowering, const Atom& operand, std::vector<Index> indices) {
    const DType dtype = lowering.type(operand).dtype;
    const OpId zero = builder_.constant({storage_dtype(dtype), 0});
    if (!is_complex(dtype)) return {read(lowering, operand, std::move(indices), zero)};
    indices.push_back(fixed(0));
    const OpId real = read(lowering, operand, indices, zero);
    indices.back() = fixed(1);
    return {real, read(lowering, operand, std::move(indices), zero)};
  }
  OpId inside() { return guard_ ? *guard_ : builder_.boolean(true); }

 private:
  OpId number(std::int64_t value) { return builder_.integer(DType::i64, value); }
  void require(OpId condition) { guard_ = guard_ ? builder_.binary(Opcode::bit_and, *guard_, condition) : condition; }

  RegionBuilder& builder_;
  std::optional<OpId> guard_;
};

std::vector<Slide> slides_of(Lowering& lowering, const ir::Window& window, const Shape& operand, const Shape& places) {
  std::vector<Slide> slides;
  for (const auto& [low, high] : window.padding) require_small(lowering, low);
  for (std::size_t k = 0; k < operand.size(); ++k)
    slides.push_back({window.strides[k], window.window_dilation[k], window.base_dilation[k], window.padding[k].first,
                      operand[k], places[k], window.extents[k]});
  return slides;
}

std::vector<Index> reach_all(Reach& reach, const std::vector<Slide>& slides, Axes places, Axes offsets) {
  std::vector<Index> indices;
  for (std::size_t k = 0; k < slides.size(); ++k) indices.push_back(reach.index(slides[k], places[k], offsets[k]));
  return indices;
}

/// The number of the element at `indices` of `shape`, in row-major order.
OpId element_number(RegionBuilder& builder, const std::vector<Index>& indices, const Shape& shape) {
  OpId sum = builder.integer(DType::i64, 0);
  for (std::size_t k = 0; k < indices.size(); ++k)
    sum = builder.binary(Opcode::add, builder.binary(Opcode::mul, sum, builder.integer(DType::i64, shape[k])),
                         builder.materialize(indices[k]));
  return sum;
}

/// Whether an element of a window takes the place of the selected one: nothing is selected yet, or the selected
/// value does not compare (ge, le) with it.
OpId replaces(RegionBuilder& step, const Equation& equation, OpId selected, OpId value, OpId any) {
  const bool greatest = equation.parameters.symbol_or_empty("select_prim") == "ge";
  const OpId keeps = greatest ? step.binary(Opcode::le, value, selected) : step.binary(Opcode::le, selected, value);
  return step.unary(Opcode::bit_not, step.binary(Opcode::bit_and, any, keeps));
}

/// Folds each window to what belongs to its selected element: (value, payload, whether any element was inside).
std::vector<ArrayId> select_in_windows(Lowering& lowering, const Equation& equation, const Atom& operand,
                                       const Shape& places, DType payload_dtype,
                                       const std::function<OpId(RegionBuilder&, Reach&, std::vector<Index>)>& payload) {
  const Type& from = lowering.type(operand);
  const DType dtype = compute_dtype(from.dtype);
  const ir::Window window = ir::window(equation.parameters);
  const std::vector<Slide> slides = slides_of(lowering, window, from.shape, places);
  RegionBuilder step;
  const OpId selected = step.argument(dtype);
  const OpId kept = step.argument(payload_dtype);
  const OpId any = step.argument(DType::boolean);
  const OpId value = step.argument(dtype);
  const OpId candidate = step.argument(payload_dtype);
  const OpId inside = step.argument(DType::boolean);
  const OpId take = step.binary(Opcode::bit_and, inside, replaces(step, equation, selected, value, any));
  const std::vector<OpId> next = {step.select(take, value, selected), step.select(take, candidate, kept),
                                  step.binary(Opcode::bit_or, any, inside)};
  ir::Reduction reduction{{{dtype, 0}, {payload_dtype, 0}, {DType::boolean, 0}}, step.finish(next), std::nullopt};
  return lowering.fold(places, window.extents, std::move(reduction),
                       [&](RegionBuilder& builder, Axes at_place, Axes offsets) {
                         Reach reach(builder);
                         const std::vector<Index> indices = reach_all(reach, slides, at_place, offsets);
                         const DType storage = storage_dtype(from.dtype);
                         const OpId element = reach.read(lowering, operand, indices, builder.constant({storage, 0}));
                         return std::vector<OpId>{lowering.widen(builder, from.dtype, element),
                                                  payload(builder, reach, indices), reach.inside()};
                       });
}

/// A fold of complex numbers; padding is what the fold starts from.
void complex_window(Lowering& lowering, const Equation& equation, const std::vector<Slide>& slides,
                    const Shape& extents, const ComplexFold& fold) {
  const Type& type = lowering.type(equation.outputs[0]);
  const DType dtype = storage_dtype(type.dtype);
  const std::vector<ArrayId> parts = lowering.fold(
      type.shape, extents, fold.reduction(lowering, dtype), [&](RegionBuilder& builder, Axes places, Axes offsets) {
        Reach reach(builder);
        const std::vector<Index> indices = reach_all(reach, slides, places, offsets);
        std::vector<OpId> values = reach.read_parts(lowering, equation.inputs[0], indices);
        const OpId inside = reach.inside();
        return std::vector<OpId>{builder.select(inside, values[0], builder.constant(dtype, fold.real)),
                                 builder.select(inside, values[1], builder.constant(dtype, fold.imaginary))};
      });
  lowering.define(equation.outputs[0], joined(lowering, parts[0], parts[1]));
}

}  // namespace

void window_by(Lowering& lowering, const Equation& equation, Opcode merge) {
  const Type& type = lowering.type(equation.outputs[0]);
  const Type& from = lowering.type(equation.inputs[0]);
  const ir::Window window = ir::window(equation.parameters);
  const std::vector<Slide> slides = slides_of(lowering, window, from.shape, type.shape);
  const DType dtype = compute_dtype(type.dtype);
  if (is_complex(type.dtype) && merge != Opcode::add)
    return complex_window(lowering, equation, slides, window.extents, ComplexFold::of(merge));
  // The parts of complex numbers, along the last axis, are added by themselves.
  const ArrayId operand = lowering.widened(equation.inputs[0]);
  const std::size_t rank = type.shape.size();
  const ArrayId result = lowering.reduce(
      storage_shape(type), window.extents, merge, type.dtype, [&](RegionBuilder& builder, Axes places, Axes offsets) {
        Reach reach(builder);
        std::vector<Index> indices = reach_all(reach, slides, places.first(rank), offsets);
        for (const OpId part : places.subspan(rank)) indices.push_back(at(part));
        return builder.read(dtype, operand, std::move(indices), reach.inside(),
                            builder.constant(identity_of(merge, type.dtype)));
      });
  lowering.define(equation.outputs[0], lowering.rounded(type.dtype, result));
}

// Padding does not take part.
void reduce_window(Lowering& lowering, const Equation& equation) {
  const std::size_t count = equation.inputs.size() / 2;
  const std::span<const Atom> operands(equation.inputs);
  const Type& from = lowering.type(operands[0]);
  const Type& type = lowering.type(equation.outputs[0]);
  const ir::Window window = ir::window(equation.parameters);
  const std::vector<Slide> slides = slides_of(lowering, window, from.shape, type.shape);
  const ir::JaxprPointer jaxpr = equation.parameters.jaxpr("jaxpr");
  const std::vector<ArrayId> results =
      general_fold(lowering, *jaxpr, type.shape, window.extents, operands.subspan(count),
                   [&](RegionBuilder& builder, Axes places, Axes offsets) {
                     Reach reach(builder);
                     const std::vector<Index> indices = reach_all(reach, slides, places, offsets);
                     std::vector<OpId> values;
                     for (const Atom& operand : operands.first(count))
                       for (OpId part : reach.read_parts(lowering, operand, indices)) values.push_back(part);
                     values.push_back(reach.inside());
                     return values;
                   });
  for (std::size_t k = 0; k < count; ++k) lowering.define(equation.outputs[k], results[k]);
}

// Each window's source element is added at the element that the window selects.
void select_and_scatter_add(Lowering& lowering, const Equation& equation) {
  const Type& source = lowering.type(equation.inputs[0]);
  const Type& type = lowering.type(equation.outputs[0]);
  const DType dtype = compute_dtype(type.dtype);
  const std::vector<ArrayId> selected =
      select_in_windows(lowering, equation, equation.inputs[1], source.shape, DType::i64,
                        [&](RegionBuilder& builder, Reach&, const std::vector<Index>& indices) {
                          return element_number(builder, indices, type.shape);
                        });
  const ir::Window window = ir::window(equation.parameters);
  const ArrayId zero = lowering.fill(ir::constant_of_integer(dtype, 0), type.shape);
  RegionBuilder sum;
  const OpId old = sum.argument(dtype);
  const OpId total = sum.binary(Opcode::add, old, sum.argument(dtype));
  const ArrayId result = lowering.update(
      zero, source.shape,
      [&](RegionBuilder& builder, Axes axes) {
        Store store;
        store.value = lowering.element_value(builder, equation.inputs[0], at(axes)).real;
        store.guard = lowering.read(builder, selected[2], axes);
        OpId rest = lowering.read(builder, selected[1], axes);
        store.indices.resize(type.shape.size());
        for (std::size_t k = type.shape.size(); k-- > 0;) {
          const OpId extent = builder.integer(DType::i64, type.shape[k]);
          store.indices[k] = at(builder.binary(Opcode::rem, rest, extent));
          rest = builder.binary(Opcode::div, rest, extent);
        }
        return store;
      },
      sum.finish({total}), [&](std::size_t axis) { return window.extents[axis] > window.strides[axis]; });
  lowering.define(equation.outputs[0], lowering.rounded(type.dtype, result));
}

// Operands: tangents, operand. The tangent of each window's selected element.
void select_and_gather_add(Lowering& lowering, const Equation& equation) {
  const Type& type = lowering.type(equation.outputs[0]);
  const DType storage = storage_dtype(type.dtype);
  const std::vector<ArrayId> selected = select_in_windows(
      lowering, equation, equation.inputs[1], type.shape, storage,
      [&](RegionBuilder& builder, Reach& reach, std::vector<Index> indices) {
        return reach.read(lowering, equation.inputs[0], std::move(indices), builder.constant({storage, 0}));
      });
  lowering.define(equation.outputs[0], selected[1]);
}

// result[batch, output, place] = sum over input features and window offsets of operand * kernel. With feature
// groups an output reads the input features of its group; with batch groups it reads its group's batches. The
// output axis is split in (group, output within the group), so that every index is affine. Complex products have
// their parts, along a last axis, computed apart.
void conv_general_dilated(Lowering& lowering, const Equation& equation) {
  const ir::Convolution config = ir::convolution(equation.parameters);
  const Type& operand = lowering.type(equation.inputs[0]);
  const Type& kernel = lowering.type(equation.inputs[1]);
  const Type& type = lowering.type(equation.outputs[0]);
  const DType dtype = compute_dtype(type.dtype);
  const std::int64_t groups = std::max(config.feature_groups, config.batch_groups);
  const std::size_t rank = operand.shape.size();
  const auto axis_of = [](const ir::Axes& axes, std::size_t k) { return static_cast<std::size_t>(axes[k]); };
  const std::int64_t inputs = kernel.shape[axis_of(config.kernel_axes, 1)];
  const std::int64_t outputs = type.shape[axis_of(config.result_axes, 1)] / groups;
  const std::int64_t batches = type.shape[axis_of(config.result_axes, 0)];
  // Axes: the result's, in its order, the output axis within its group; then the group.
  Shape shape = type.shape;
  shape[axis_of(config.result_axes, 1)] = outputs;
  shape.push_back(groups);
  if (is_complex(type.dtype)) shape.push_back(2);
  Shape reduced = {inputs};
  std::vector<Slide> slides;
  for (const auto& [low, high] : config.padding) require_small(lowering, low);
  for (std::size_t k = 0; k + 2 < rank; ++k) {
    const std::int64_t window = kernel.shape[axis_of(config.kernel_axes, k + 2)];
    reduced.push_back(window);
    slides.push_back({config.strides[k], config.kernel_dilation[k], config.operand_dilation[k], config.padding[k].first,
                      operand.shape[axis_of(config.operand_axes, k + 2)],
                      type.shape[axis_of(config.result_axes, k + 2)], window});
  }
  const Spread spread{storage_shape(type), [&](Axes axes) {
                        std::vector<Index> indices = at(axes.first(rank));
                        indices[axis_of(config.result_axes, 1)].terms.push_back({outputs, axes[rank]});
                        for (const OpId part : axes.subspan(rank + 1)) indices.push_back(at(part));
                        return indices;
                      }};
  const std::int64_t multiplications = ir::saturated_product(element_count(type.shape), element_count(reduced));
  const std::optional<ArrayId> image = lowering.widened_factor(equation.inputs[0], multiplications);
  const std::optional<ArrayId> weights = lowering.widened_factor(equation.inputs[1], multiplications);
  const auto product = [&](RegionBuilder& builder, Axes axes, Axes folded) {
    Reach reach(builder);
    std::vector<Index> from(rank);
    std::vector<Index> weight(rank);
    from[axis_of(config.operand_axes, 0)] = at(axes[axis_of(config.result_axes, 0)]);
    from[axis_of(config.operand_axes, 1)] = at(folded[0]);
    if (config.batch_groups > 1) from[axis_of(config.operand_axes, 0)].terms.push_back({batches, axes[rank]});
    if (config.feature_groups > 1) from[axis_of(config.operand_axes, 1)].terms.push_back({inputs, axes[rank]});
    weight[axis_of(config.kernel_axes, 0)] = at(axes[axis_of(config.result_axes, 1)]);
    weight[axis_of(config.kernel_axes, 0)].terms.push_back({outputs, axes[rank]});
    weight[axis_of(config.kernel_axes, 1)] = at(folded[0]);
    for (std::size_t k = 0; k + 2 < rank; ++k) {
      const OpId place = axes[axis_of(config.result_axes, k + 2)];
      from[axis_of(config.operand_axes, k + 2)] = reach.index(slides[k], place, folded[k + 1]);
      weight[axis_of(config.kernel_axes, k + 2)] = at(folded[k + 1]);
    }
    const OpId zero = builder.constant({image ? lowering.dtype(*image) : storage_dtype(operand.dtype), 0});
    const auto left = [&](std::vector<Index> indices) {
      if (image) return builder.convert(dtype, reach.read(lowering, *image, std::move(indices), zero));
      const OpId element = reach.read(lowering, equation.inputs[0], std::move(indices), zero);
      return builder.convert(dtype, lowering.widen(builder, operand.dtype, element));
    };
    const ScalarValue right = weights ? ScalarValue{lowering.read(builder, *weights, std::move(weight))}
                                      : lowering.element_value(builder, equation.inputs[1], std::move(weight));
    const auto times = [&](OpId x, OpId y) { return builder.binary(Opcode::mul, x, builder.convert(dtype, y)); };
    if (!is_complex(type.dtype)) return times(left(std::move(from)), right.real);
    from.push_back(fixed(0));
    const OpId real = left(from);
    from.back() = fixed(1);
    const OpId imaginary = left(std::move(from));
    return builder.select(builder.binary(Opcode::eq, axes.back(), builder.integer(DType::i64, 0)),
                          builder.binary(Opcode::sub, times(real, right.real), times(imaginary, *right.imaginary)),
                          builder.binary(Opcode::add, times(real, *right.imaginary), times(imaginary, right.real)));
  };
  const Opcode sum = dtype == DType::boolean ? Opcode::bit_or : Opcode::add;
  const ArrayId result = lowering.reduce(shape, reduced, sum, dtype, product, spread);
  lowering.define(equation.outputs[0], lowering.rounded(type.dtype, result));
}

}  // namespace jaxc::compiler::lowering
