// Lowering of reductions and prefix folds.
#include <limits>

#include "compiler/lower/general_fold.h"
#include "compiler/lower/inline_region.h"
#include "compiler/lower/parts.h"
#include "compiler/lower/prefix.h"
#include "compiler/lower/rules.h"
#include "jaxc/error.h"

namespace jaxc::compiler::lowering {

using ir::ArrayId;
using ir::Atom;
using ir::Index;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;
using Axes = std::span<const OpId>;
using ArraySpan = std::span<const ArrayId>;

namespace {

/// The operand's axes as kept and folded ones.
struct Folding {
  std::vector<bool> folded;
  Shape kept_shape, folded_shape;

  Folding(const Shape& shape, const std::vector<std::int64_t>& axes) : folded(shape.size(), false) {
    for (std::int64_t axis : axes) folded.at(static_cast<std::size_t>(axis)) = true;
    for (std::size_t k = 0; k < shape.size(); ++k) (folded[k] ? folded_shape : kept_shape).push_back(shape[k]);
  }

  std::vector<Index> indices(Axes kept, Axes reduced) const {
    std::vector<Index> result;
    std::size_t next_kept = 0;
    std::size_t next_reduced = 0;
    for (bool is_folded : folded) result.push_back(at(is_folded ? reduced[next_reduced++] : kept[next_kept++]));
    return result;
  }
};

/// A fold of complex numbers whose parts do not fold by themselves.
ArrayId complex_fold(Lowering& lowering, const Atom& operand, const Folding& folding, Opcode merge) {
  const DType dtype = compute_dtype(lowering.type(operand).dtype);
  const std::vector<ArrayId> parts =
      lowering.fold(folding.kept_shape, folding.folded_shape, ComplexFold::of(merge).reduction(lowering, dtype),
                    [&](RegionBuilder& builder, Axes kept, Axes reduced) {
                      return parts_of(lowering, builder, operand, folding.indices(kept, reduced));
                    });
  return joined(lowering, parts[0], parts[1]);
}

/// log(exp(a) + exp(b)) without overflow.
OpId log_add_exp(Lowering& lowering, RegionBuilder& builder, OpId a, OpId b) {
  const std::string suffix = "_" + std::string(name(builder.dtype(a)));
  const OpId difference = builder.binary(Opcode::sub, a, b);
  const OpId distance = builder.unary(Opcode::neg, builder.unary(Opcode::abs, difference));
  const OpId rest = lowering.call(builder, "log1p" + suffix, {lowering.call(builder, "exp" + suffix, {distance})});
  const OpId sum = builder.binary(Opcode::add, builder.binary(Opcode::max, a, b), rest);
  return builder.select(builder.unary(Opcode::is_nan, difference), builder.binary(Opcode::add, a, b), sum);
}

using Combine = std::function<OpId(RegionBuilder&, OpId, OpId)>;

/// Folds along one axis and keeps every prefix: a loop over the axis that carries a slice.
/// `step` makes the next slice from the last one and a slice of the operand.
using PrefixStep = std::function<ArrayId(ArrayId sum, ArrayId value)>;
ArrayId prefix_loop(Lowering& lowering, const Equation& equation, ArrayId operand,
                    const std::function<ArrayId(const Shape&)>& initial, const PrefixStep& step) {
  const Type& type = lowering.type(equation.outputs[0]);
  const int axis = static_cast<int>(equation.parameters.integer("axis"));
  LoopForm form;
  form.name = name(equation.primitive);
  form.trip_count = type.shape.at(static_cast<std::size_t>(axis));
  form.reverse = equation.parameters.boolean_or("reverse", false);
  form.inputs = {{operand, axis}};
  form.output_axis = axis;
  Shape slice = lowering.shape(operand);
  slice.erase(slice.begin() + axis);
  form.carries = {initial(slice)};
  const LoopValues values = lowering.loop(form, [&](const LoopArguments& arguments) {
    const ArrayId next = step(arguments.carries[0], arguments.inputs[0]);
    return LoopValues{{next}, {next}};
  });
  return values.outputs[0];
}

/// Where lines are long, a routine whose expansion is the loop.
void prefix(Lowering& lowering, const Equation& equation, ir::ScalarConstant initial, const Combine& combine) {
  const PrefixStep step = [&](ArrayId sum, ArrayId value) {
    return lowering.map(Shape(lowering.shape(sum)), {sum, value}, [&](RegionBuilder& builder, Axes operands) {
      return combine(builder, operands[0], operands[1]);
    });
  };
  const int axis = static_cast<int>(equation.parameters.integer("axis"));
  const ArrayId operand = lowering.widened(equation.inputs[0]);
  const auto loop = [&] {
    return prefix_loop(
        lowering, equation, operand, [&](const Shape& slice) { return lowering.fill(initial, slice); }, step);
  };
  const Shape shape = lowering.shape(operand);
  const Type element{lowering.dtype(operand), Shape(shape.begin() + axis + 1, shape.end())};
  std::optional<ir::Prefix> description =
      prefix_of(lowering, std::span(&operand, 1), axis, std::span(&element, 1),
                [&](ArraySpan sum, ArraySpan value) { return std::vector<ArrayId>{step(sum[0], value[0])}; });
  ArrayId result = 0;
  if (description) {
    description->reverse = equation.parameters.boolean_or("reverse", false);
    // A sum's identity is -0, which changes no zero's sign.
    const bool is_zero = is_floating(initial.dtype) && initial.bits == 0;
    description->identity.assign(static_cast<std::size_t>(element_count(element.shape)),
                                 is_zero ? ir::constant_of(initial.dtype, -0.0) : initial);
    result = lowering.routine(
        std::string(name(equation.primitive)), std::span(&operand, 1), [&] { return std::vector<ArrayId>{loop()}; },
        std::nullopt, std::move(description))[0];
  } else {
    result = loop();
  }
  lowering.define(equation.outputs[0], lowering.rounded(lowering.type(equation.outputs[0]).dtype, result));
}

/// Prefixes of complex numbers; the last axis holds the parts.
void complex_prefix(Lowering& lowering, const Equation& equation, const ComplexFold& fold) {
  const DType dtype = storage_dtype(lowering.type(equation.inputs[0]).dtype);
  const auto initial = [&](const Shape& slice) {
    return lowering.generate(slice, [&](RegionBuilder& builder, Axes axes) {
      return part_at(builder, axes.back(),
                     {builder.constant(dtype, fold.real), builder.constant(dtype, fold.imaginary)});
    });
  };
  const ArrayId operand = lowering.widened(equation.inputs[0]);
  const ArrayId result = prefix_loop(lowering, equation, operand, initial, [&](ArrayId sum, ArrayId value) {
    return lowering.generate(Shape(lowering.shape(sum)), [&](RegionBuilder& builder, Axes axes) {
      const auto number = [&](ArrayId array) {
        std::vector<Index> indices = at(axes);
        indices.back() = fixed(0);
        const OpId real = lowering.read(builder, array, indices);
        indices.back() = fixed(1);
        return ComplexCode::Number{real, lowering.read(builder, array, indices)};
      };
      ComplexCode code(lowering, builder, dtype);
      return part_at(builder, axes.back(), (code.*fold.step)(number(sum), number(value)));
    });
  });
  lowering.define(equation.outputs[0], lowering.rounded(lowering.type(equation.outputs[0]).dtype, result));
}

}  // namespace

void reduce_by(Lowering& lowering, const Equation& equation, Opcode merge) {
  const Type& from = lowering.type(equation.inputs[0]);
  const Folding folding(from.shape, equation.parameters.integers("axes"));
  ArrayId result = 0;
  if (is_complex(from.dtype) && merge != Opcode::add) {
    result = complex_fold(lowering, equation.inputs[0], folding, merge);
  } else if (is_complex(from.dtype)) {
    Shape shape = folding.kept_shape;
    shape.push_back(2);
    result = lowering.reduce(shape, folding.folded_shape, merge, from.dtype,
                             [&](RegionBuilder& builder, Axes kept, Axes reduced) {
                               std::vector<Index> indices = folding.indices(kept.first(kept.size() - 1), reduced);
                               indices.push_back(at(kept.back()));
                               return lowering.element(builder, equation.inputs[0], std::move(indices));
                             });
  } else {
    result = lowering.reduce(
        folding.kept_shape, folding.folded_shape, merge, from.dtype,
        [&](RegionBuilder& builder, Axes kept, Axes reduced) {
          return lowering.element_value(builder, equation.inputs[0], folding.indices(kept, reduced)).real;
        });
  }
  lowering.define(equation.outputs[0], lowering.rounded(from.dtype, result));
}

void reduce(Lowering& lowering, const Equation& equation) {
  const std::size_t count = equation.inputs.size() / 2;
  const Folding folding(lowering.type(equation.inputs[0]).shape, equation.parameters.integers("dimensions"));
  const ir::JaxprPointer jaxpr = equation.parameters.jaxpr("jaxpr");
  const std::span<const Atom> operands(equation.inputs);
  const std::vector<ArrayId> results =
      general_fold(lowering, *jaxpr, folding.kept_shape, folding.folded_shape, operands.subspan(count),
                   [&](RegionBuilder& builder, Axes kept, Axes reduced) {
                     std::vector<OpId> values;
                     for (const Atom& operand : operands.first(count))
                       for (OpId part : parts_of(lowering, builder, operand, folding.indices(kept, reduced)))
                         values.push_back(part);
                     values.push_back(builder.boolean(true));
                     return values;
                   });
  for (std::size_t k = 0; k < count; ++k) lowering.define(equation.outputs[k], results[k]);
}

namespace {

/// The extreme first, then the first position where it is (NaN where there is any): two folds that may be regrouped.
ArrayId position_of_extreme(Lowering& lowering, const Equation& equation, bool greatest, const Folding& folding) {
  const DType dtype = compute_dtype(lowering.type(equation.inputs[0]).dtype);
  const DType index_dtype = storage_dtype(lowering.type(equation.outputs[0]).dtype);
  const auto element = [&](RegionBuilder& builder, Axes kept, Axes reduced) {
    return lowering.element_value(builder, equation.inputs[0], folding.indices(kept, reduced)).real;
  };
  const ArrayId extreme =
      lowering.reduce(folding.kept_shape, folding.folded_shape, greatest ? Opcode::max : Opcode::min, dtype, element);
  const ir::ScalarConstant none = identity_of(Opcode::min, index_dtype);
  return lowering.reduce(folding.kept_shape, folding.folded_shape, Opcode::min, index_dtype,
                         [&](RegionBuilder& builder, Axes kept, Axes reduced) {
                           const OpId value = element(builder, kept, reduced);
                           const OpId wanted = lowering.read(builder, extreme, kept);
                           OpId found = builder.binary(Opcode::eq, value, wanted);
                           if (is_floating(dtype)) {
                             const OpId both = builder.binary(Opcode::bit_and, builder.unary(Opcode::is_nan, value),
                                                              builder.unary(Opcode::is_nan, wanted));
                             found = builder.binary(Opcode::bit_or, found, both);
                           }
                           return builder.select(found, builder.convert(index_dtype, reduced[0]),
                                                 builder.constant(none));
                         });
}

}  // namespace

// Accumulators: the extreme value and its position. The first NaN wins, else the first extreme.
void argument_of_extreme(Lowering& lowering, const Equation& equation, bool greatest) {
  const Type& from = lowering.type(equation.inputs[0]);
  const DType index_dtype = storage_dtype(lowering.type(equation.outputs[0]).dtype);
  const Folding folding(from.shape, equation.parameters.integers("axes"));
  constexpr std::int64_t long_line = 256;
  const bool holds_positions = element_bytes(index_dtype) >= 4;
  if (lowering.is_outermost() && folding.folded_shape.size() == 1 && folding.folded_shape[0] >= long_line &&
      holds_positions)
    return lowering.define(equation.outputs[0], position_of_extreme(lowering, equation, greatest, folding));
  const DType dtype = compute_dtype(from.dtype);
  RegionBuilder step;
  const OpId best = step.argument(dtype);
  const OpId position = step.argument(index_dtype);
  const OpId value = step.argument(dtype);
  const OpId candidate = step.argument(index_dtype);
  OpId better = greatest ? step.binary(Opcode::lt, best, value) : step.binary(Opcode::lt, value, best);
  if (is_floating(dtype)) {
    const OpId ordered = step.unary(Opcode::bit_not, step.unary(Opcode::is_nan, best));
    const OpId first_nan = step.binary(Opcode::bit_and, ordered, step.unary(Opcode::is_nan, value));
    better = step.binary(Opcode::bit_or, better, first_nan);
  }
  ir::Region region = step.finish({step.select(better, value, best), step.select(better, candidate, position)});
  ir::Reduction reduction{
      {identity_of(greatest ? Opcode::max : Opcode::min, dtype), {index_dtype, 0}}, std::move(region), std::nullopt};
  const std::vector<ArrayId> results = lowering.fold(
      folding.kept_shape, folding.folded_shape, std::move(reduction),
      [&](RegionBuilder& builder, Axes kept, Axes reduced) {
        const OpId element = lowering.element_value(builder, equation.inputs[0], folding.indices(kept, reduced)).real;
        return std::vector<OpId>{element, builder.convert(index_dtype, reduced[0])};
      });
  lowering.define(equation.outputs[0], lowering.rounded(lowering.type(equation.outputs[0]).dtype, results[1]));
}

void prefix_fold(Lowering& lowering, const Equation& equation, Opcode merge) {
  const DType dtype = lowering.type(equation.inputs[0]).dtype;
  if (is_complex(dtype) && merge != Opcode::add) return complex_prefix(lowering, equation, ComplexFold::of(merge));
  prefix(lowering, equation, identity_of(merge, dtype),
         [&](RegionBuilder& builder, OpId sum, OpId value) { return builder.binary(merge, sum, value); });
}

void cumlogsumexp(Lowering& lowering, const Equation& equation) {
  const DType dtype = lowering.type(equation.inputs[0]).dtype;
  const double infinity = std::numeric_limits<double>::infinity();
  if (is_complex(dtype)) return complex_prefix(lowering, equation, {&ComplexCode::log_add_exp, -infinity, 0});
  prefix(lowering, equation, ir::constant_of(compute_dtype(dtype), -infinity),
         [&](RegionBuilder& builder, OpId sum, OpId value) { return log_add_exp(lowering, builder, sum, value); });
}

std::vector<ArrayId> general_fold(Lowering& lowering, const ir::Jaxpr& jaxpr, const Shape& shape, const Shape& reduced,
                                  std::span<const Atom> initial, const Lowering::FoldedMany& body) {
  const ir::Region combine = lowering.region(jaxpr);
  const std::size_t count = combine.results.size();
  // Accumulators: the fold so far, and whether there is any. The initial value joins last.
  RegionBuilder step;
  std::vector<ir::ScalarConstant> start;
  std::vector<OpId> pair;
  for (std::size_t k = 0; k < count; ++k) {
    start.push_back({combine.arguments[k], 0});
    pair.push_back(step.argument(combine.arguments[k]));
  }
  start.push_back({DType::boolean, 0});
  const OpId started = step.argument(DType::boolean);
  for (std::size_t k = 0; k < count; ++k) pair.push_back(step.argument(combine.arguments[count + k]));
  const OpId taken = step.argument(DType::boolean);
  std::vector<OpId> next = inline_region(step, combine, pair);
  for (std::size_t k = 0; k < count; ++k)
    next[k] = step.select(taken, step.select(started, next[k], pair[count + k]), pair[k]);
  next.push_back(step.binary(Opcode::bit_or, started, taken));
  ir::Reduction reduction{std::move(start), step.finish(std::move(next)), std::nullopt};
  const std::vector<ArrayId> folded = lowering.fold(shape, reduced, std::move(reduction), body);
  const auto with_initial = [&](std::size_t k) {
    return lowering.generate(shape, [&](RegionBuilder& builder, Axes axes) {
      std::vector<OpId> operands;
      for (const Atom& atom : initial)
        for (OpId part : parts_of(lowering, builder, atom, {})) operands.push_back(part);
      for (std::size_t j = 0; j < count; ++j) operands.push_back(lowering.read(builder, folded[j], axes));
      const OpId both = inline_region(builder, combine, operands)[k];
      return builder.select(lowering.read(builder, folded[count], axes), both, operands[k]);
    });
  };
  std::vector<ArrayId> results;
  std::size_t part = 0;
  for (const Atom& atom : initial) {
    const ArrayId first = with_initial(part++);
    results.push_back(is_complex(lowering.type(atom).dtype) ? joined(lowering, first, with_initial(part++)) : first);
  }
  return results;
}

}  // namespace jaxc::compiler::lowering
