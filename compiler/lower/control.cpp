// Lowering of loops, branches and calls.
#include "compiler/lower/prefix.h"
#include "compiler/lower/rules.h"
#include "ir/prims/parameters.h"
#include "jaxc/error.h"

namespace jaxc::compiler::lowering {

using ir::ArrayId;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;
using Arrays = std::vector<ArrayId>;
using ArraySpan = std::span<const ArrayId>;

namespace {

Arrays joined(ArraySpan first, ArraySpan second, ArraySpan third = {}) {
  Arrays all(first.begin(), first.end());
  all.insert(all.end(), second.begin(), second.end());
  all.insert(all.end(), third.begin(), third.end());
  return all;
}

void define_all(Lowering& lowering, const Equation& equation, ArraySpan values) {
  if (values.size() != equation.outputs.size())
    throw InternalError(fmt::format("{}: has {} outputs, got values of {}", name(equation.primitive),
                                    equation.outputs.size(), values.size()));
  for (std::size_t k = 0; k < values.size(); ++k) lowering.define(equation.outputs[k], values[k]);
}

/// The old value where a batch's element has left its loop. The predicate's axes are the value's first ones.
ArrayId keep_where_done(Lowering& lowering, ArrayId holds, ArrayId next, ArrayId old) {
  const Shape shape = lowering.shape(next);
  return lowering.generate(shape, [&](RegionBuilder& builder, std::span<const OpId> axes) {
    const OpId running = lowering.read(builder, holds, axes.first(lowering.shape(holds).size()));
    return builder.select(running, lowering.read(builder, next, axes), lowering.read(builder, old, axes));
  });
}

}  // namespace

void scan(Lowering& lowering, const Equation& equation) {
  const ir::ScanShape shape = ir::scan_shape(equation);
  const Arrays operands = lowering.arrays(equation.inputs);
  const ArraySpan all(operands);
  const auto constants = all.first(static_cast<std::size_t>(shape.constants));
  const auto carries = static_cast<std::size_t>(shape.carries);
  LoopForm form;
  form.name = name(equation.primitive);
  form.trip_count = shape.length;
  form.reverse = shape.reverse;
  const auto initial = all.subspan(constants.size(), carries);
  form.carries.assign(initial.begin(), initial.end());
  for (ArrayId stacked : all.subspan(constants.size() + carries)) form.inputs.push_back({stacked, 0});
  const LoopValues values = lowering.loop(form, [&](const LoopArguments& arguments) {
    const Arrays inputs = joined(constants, arguments.carries, arguments.inputs);
    const Arrays outputs = lowering.lower_jaxpr(*shape.body, inputs);
    LoopValues step;
    step.carries.assign(outputs.begin(), outputs.begin() + shape.carries);
    for (std::size_t k = 0; k < shape.kept.size(); ++k)
      if (shape.kept[k]) step.outputs.push_back(outputs[carries + k]);
    return step;
  });
  define_all(lowering, equation, joined(values.carries, values.outputs));
}

// A condition of rank above 0 comes from batching: the loop runs while any element holds, and an element that
// does not hold keeps its values.
void while_loop(Lowering& lowering, const Equation& equation) {
  const auto condition_count = static_cast<std::size_t>(equation.parameters.integer("cond_nconsts"));
  const auto body_count = static_cast<std::size_t>(equation.parameters.integer("body_nconsts"));
  const ir::JaxprPointer condition = equation.parameters.jaxpr("cond_jaxpr");
  const ir::JaxprPointer body = equation.parameters.jaxpr("body_jaxpr");
  const Arrays operands = lowering.arrays(equation.inputs);
  const ArraySpan all(operands);
  const auto condition_constants = all.first(condition_count);
  const auto body_constants = all.subspan(condition_count, body_count);
  const auto holds = [&](ArraySpan carries) {
    return lowering.lower_jaxpr(*condition, joined(condition_constants, carries)).at(0);
  };
  const Arrays results = lowering.loop_while(
      std::string(name(equation.primitive)), all.subspan(condition_count + body_count),
      [&](ArraySpan carries) {
        const ArrayId all_holds = holds(carries);
        if (lowering.shape(all_holds).empty()) return all_holds;
        return lowering.reduce({}, lowering.shape(all_holds), Opcode::bit_or, DType::boolean,
                               [&](RegionBuilder& builder, std::span<const OpId>, std::span<const OpId> reduced) {
                                 return lowering.read(builder, all_holds, reduced);
                               });
      },
      [&](ArraySpan carries) {
        Arrays nexts = lowering.lower_jaxpr(*body, joined(body_constants, carries));
        if (condition->output_types().at(0).shape.empty()) return nexts;
        const ArrayId running = holds(carries);
        for (std::size_t k = 0; k < nexts.size(); ++k)
          nexts[k] = keep_where_done(lowering, running, nexts[k], carries[k]);
        return nexts;
      });
  define_all(lowering, equation, results);
}

namespace {

/// Elements are combined one by one along the axis; the first is its own prefix.
Arrays combine_in_order(Lowering& lowering, const Equation& equation, std::size_t axis, ArraySpan leaves,
                        const CombineArrays& combine) {
  LoopForm form;
  form.name = name(equation.primitive);
  form.reverse = equation.parameters.boolean_or("reverse", false);
  form.output_axis = static_cast<int>(axis);
  for (ArrayId leaf : leaves) {
    form.trip_count = lowering.shape(leaf).at(axis);
    form.inputs.push_back({leaf, static_cast<int>(axis)});
  }
  const std::int64_t first = form.reverse ? form.trip_count - 1 : 0;
  for (ArrayId leaf : leaves) {
    Shape slab = lowering.shape(leaf);
    slab[axis] = 1;
    if (form.trip_count == 0) {
      form.carries.push_back(lowering.fill({lowering.dtype(leaf), 0}, slab));
      continue;
    }
    form.carries.push_back(lowering.generate(slab, [&](RegionBuilder& builder, std::span<const OpId> axes) {
      std::vector<ir::Index> indices = at(axes);
      indices[axis] = fixed(first);
      return lowering.read(builder, leaf, std::move(indices));
    }));
  }
  const LoopValues values = lowering.loop(form, [&](const LoopArguments& arguments) {
    Arrays slabs;
    for (std::size_t k = 0; k < leaves.size(); ++k)
      slabs.push_back(lowering.reshape(arguments.inputs[k], lowering.shape(arguments.carries[k])));
    const Arrays combined = combine(arguments.carries, slabs);
    LoopValues step;
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      const Shape slab = lowering.shape(slabs[k]);
      step.carries.push_back(lowering.generate(slab, [&](RegionBuilder& builder, std::span<const OpId> axes) {
        const OpId position = lowering.read_scalar(builder, arguments.position);
        const OpId is_first = builder.binary(Opcode::eq, position, builder.integer(DType::i64, first));
        return builder.select(is_first, lowering.read(builder, slabs[k], axes),
                              lowering.read(builder, combined[k], axes));
      }));
      step.outputs.push_back(lowering.reshape(step.carries[k], Shape(lowering.shape(arguments.inputs[k]))));
    }
    return step;
  });
  return values.outputs;
}

}  // namespace

void associative_scan(Lowering& lowering, const Equation& equation) {
  const auto axis = static_cast<std::size_t>(equation.parameters.integer_or("axis", 0));
  const auto constant_count = static_cast<std::size_t>(equation.parameters.integer_or("num_consts", 0));
  const ir::JaxprPointer body = equation.parameters.jaxpr("jaxpr");
  const Arrays operands = lowering.arrays(equation.inputs);
  const ArraySpan constants = ArraySpan(operands).first(constant_count);
  const ArraySpan leaves = ArraySpan(operands).subspan(constant_count);
  const CombineArrays combine = [&](ArraySpan before, ArraySpan element) {
    return lowering.lower_jaxpr(*body, joined(constants, before, element));
  };
  std::vector<Type> slabs;
  bool one_line = !leaves.empty();
  for (ArrayId leaf : leaves) {
    Type slab{lowering.dtype(leaf), lowering.shape(leaf)};
    for (std::size_t k = 0; k < axis; ++k) one_line = one_line && slab.shape[k] == 1;
    slab.shape[axis] = 1;
    slabs.push_back(std::move(slab));
  }
  std::optional<ir::Prefix> description;
  if (one_line) description = prefix_of(lowering, leaves, static_cast<int>(axis), slabs, combine);
  const auto loop = [&] { return combine_in_order(lowering, equation, axis, leaves, combine); };
  if (!description) return define_all(lowering, equation, loop());
  description->reverse = equation.parameters.boolean_or("reverse", false);
  define_all(
      lowering, equation,
      lowering.routine(std::string(name(equation.primitive)), leaves, loop, std::nullopt, std::move(description)));
}

void cond(Lowering& lowering, const Equation& equation) {
  const std::vector<ir::JaxprPointer> branches = equation.parameters.jaxprs("branches");
  const Arrays operands = lowering.arrays(equation.inputs);
  const ArraySpan inputs = ArraySpan(operands).subspan(1);
  ArrayId index = operands[0];
  if (branches.size() == 1) return define_all(lowering, equation, lowering.lower_jaxpr(*branches[0], inputs));
  if (lowering.dtype(index) != DType::i32)
    index = lowering.map({}, {index}, [](RegionBuilder& builder, std::span<const OpId> values) {
      return builder.convert(DType::i32, values[0]);
    });
  std::vector<std::function<Arrays()>> blocks;
  for (const ir::JaxprPointer& branch : branches)
    blocks.emplace_back([&lowering, branch, inputs] { return lowering.lower_jaxpr(*branch, inputs); });
  define_all(lowering, equation, lowering.branch(index, blocks));
}

void platform_index(Lowering& lowering, const Equation& equation) {
  const DType dtype = storage_dtype(lowering.type(equation.outputs[0]).dtype);
  const std::int64_t position = ir::platform_position(equation, "cpu");
  lowering.define(equation.outputs[0], lowering.scalar(ir::constant_of_integer(dtype, position)));
}

void call(Lowering& lowering, const Equation& equation) {
  const ir::JaxprPointer jaxpr = ir::called_jaxpr(equation);
  if (jaxpr == nullptr) return identity(lowering, equation);
  if (lowering.writes_region()) return lowering.inline_scalars(equation, *jaxpr);
  define_all(lowering, equation, lowering.lower_jaxpr(*jaxpr, lowering.arrays(equation.inputs)));
}

// The operands are the four functions' constants, then the right-hand sides; `solve` alone is computed.
void custom_linear_solve(Lowering& lowering, const Equation& equation) {
  const ir::LinearSolve parts = ir::linear_solve(equation.parameters);
  const Arrays operands = lowering.arrays(equation.inputs);
  const ArraySpan all(operands);
  const auto start = static_cast<std::size_t>(parts.matvec.constants + parts.vecmat.constants);
  const auto constants = all.subspan(start, static_cast<std::size_t>(parts.solve.constants));
  const auto right = all.subspan(static_cast<std::size_t>(parts.constants()));
  define_all(lowering, equation, lowering.lower_jaxpr(*parts.solve.jaxpr, joined(constants, right)));
}

}  // namespace jaxc::compiler::lowering
