// Evaluation of loops, branches and calls.
#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/values.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

using Results = std::vector<Array>;

Results part(const Results& arrays, std::size_t first, std::size_t count) {
  const auto begin = arrays.begin() + static_cast<std::ptrdiff_t>(first);
  return Results(begin, begin + static_cast<std::ptrdiff_t>(count));
}

void append(Results& to, const Results& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// The part of `array` at `position` along its first axis.
Array step_of(const Array& array, std::int64_t position) {
  const Shape& shape = array.type().shape;
  const Type type{array.type().dtype, Shape(shape.begin() + 1, shape.end())};
  const auto size = static_cast<std::size_t>(byte_count(type));
  return Array(type, array.bytes().subspan(static_cast<std::size_t>(position) * size, size));
}

void set_step(Array& stack, std::int64_t position, const Array& value) {
  const auto bytes = value.bytes();
  std::copy(bytes.begin(), bytes.end(),
            stack.mutable_bytes().begin() + position * static_cast<std::int64_t>(bytes.size()));
}

Results run_scan(const Application& application) {
  const ir::ScanShape scan = ir::scan_shape(application.equation);
  const auto constants = static_cast<std::size_t>(scan.constants);
  const auto carries = static_cast<std::size_t>(scan.carries);
  Results carry = part(application.operands, constants, carries);
  Results stacks;
  for (std::size_t i = carries; i < application.types.size(); ++i) stacks.push_back(Array(application.types[i]));
  for (std::int64_t step = 0; step < scan.length; ++step) {
    const std::int64_t position = scan.reverse ? scan.length - 1 - step : step;
    Results arguments = part(application.operands, 0, constants);
    append(arguments, carry);
    for (std::size_t i = constants + carries; i < application.operands.size(); ++i) {
      arguments.push_back(step_of(application.operands[i], position));
    }
    const Results outputs = application.call(*scan.body, arguments);
    carry = part(outputs, 0, carries);
    std::size_t next = 0;
    for (std::size_t i = carries; i < outputs.size(); ++i) {
      if (scan.kept[i - carries]) set_step(stacks[next++], position, outputs[i]);
    }
  }
  append(carry, stacks);
  return carry;
}

// `changed` where `condition`, which covers the first axes, holds; `kept` elsewhere.
Array choose(const std::vector<std::uint64_t>& condition, const Array& changed, const Array& kept) {
  Array result = kept;
  const std::int64_t inner = element_count(kept.type().shape) / static_cast<std::int64_t>(condition.size());
  for (std::size_t i = 0; i < condition.size(); ++i) {
    for (std::int64_t j = 0; condition[i] != 0 && j < inner; ++j) {
      const std::int64_t place = static_cast<std::int64_t>(i) * inner + j;
      copy_element(result, place, changed, place);
    }
  }
  return result;
}

// A condition with axes is that of a vmapped loop: each element stops when its own condition fails.
Results run_while(const Application& application) {
  const auto first = static_cast<std::size_t>(application.parameters().integer("cond_nconsts"));
  const auto second = static_cast<std::size_t>(application.parameters().integer("body_nconsts"));
  const auto condition_jaxpr = application.parameters().jaxpr("cond_jaxpr");
  const auto body = application.parameters().jaxpr("body_jaxpr");
  Results carry = part(application.operands, first + second, application.operands.size() - first - second);
  while (true) {
    Results arguments = part(application.operands, 0, first);
    append(arguments, carry);
    const auto condition = load<std::uint64_t>(application.call(*condition_jaxpr, arguments).at(0));
    if (std::all_of(condition.begin(), condition.end(), [](std::uint64_t holds) { return holds == 0; })) return carry;
    arguments = part(application.operands, first, second);
    append(arguments, carry);
    const Results next = application.call(*body, arguments);
    for (std::size_t i = 0; i < carry.size(); ++i) carry[i] = choose(condition, next[i], carry[i]);
  }
}

// The slab of extent 1 at `position` along `axis`.
Array slab_of(const Array& array, std::size_t axis, std::int64_t position) {
  Type type = array.type();
  type.shape[axis] = 1;
  const Index strides = row_major_strides(array.type().shape);
  std::vector<std::int64_t> places;
  for_each_index(type.shape,
                 [&](const Index& index) { places.push_back(place_of(index, strides) + position * strides[axis]); });
  return copy_places(type, array, places);
}

void set_slab(Array& array, std::size_t axis, std::int64_t position, const Array& slab) {
  const Index strides = row_major_strides(array.type().shape);
  std::int64_t from = 0;
  for_each_index(slab.type().shape, [&](const Index& index) {
    copy_element(array, place_of(index, strides) + position * strides[axis], slab, from++);
  });
}

// Folded from one end, one slab after the other. In reverse the suffix is the left operand, as in JAX.
Results run_associative_scan(const Application& application) {
  const auto constants = static_cast<std::size_t>(application.parameters().integer_or("num_consts", 0));
  const auto axis = static_cast<std::size_t>(application.parameters().integer_or("axis", 0));
  const bool reverse = application.parameters().boolean_or("reverse", false);
  const auto body = application.parameters().jaxpr("jaxpr");
  Results results = part(application.operands, constants, application.operands.size() - constants);
  const std::int64_t length = results.at(0).type().shape[axis];
  Results accumulated;
  for (std::int64_t step = 0; step < length; ++step) {
    const std::int64_t position = reverse ? length - 1 - step : step;
    Results slabs;
    for (const Array& result : results) slabs.push_back(slab_of(result, axis, position));
    if (step > 0) {
      Results arguments = part(application.operands, 0, constants);
      append(arguments, accumulated);
      append(arguments, slabs);
      slabs = application.call(*body, arguments);
    }
    for (std::size_t i = 0; i < results.size(); ++i) set_slab(results[i], axis, position, slabs[i]);
    accumulated = slabs;
  }
  return results;
}

// An index outside the branches means the nearest one.
Results run_branch(const Application& application) {
  const auto branches = application.parameters().jaxprs("branches");
  const std::int64_t index = scalar_integer(application.operands[0]);
  const auto chosen = std::clamp<std::int64_t>(index, 0, static_cast<std::int64_t>(branches.size()) - 1);
  return application.call(*branches[chosen], std::span(application.operands).subspan(1));
}

Results run_call(const Application& application) {
  return application.call(*ir::called_jaxpr(application.equation), application.operands);
}

Results run_linear_solve(const Application& application) {
  const ir::LinearSolve solve = ir::linear_solve(application.parameters());
  Results arguments =
      part(application.operands, static_cast<std::size_t>(solve.matvec.constants + solve.vecmat.constants),
           static_cast<std::size_t>(solve.solve.constants));
  const auto constants = static_cast<std::size_t>(solve.constants());
  append(arguments, part(application.operands, constants, application.operands.size() - constants));
  return application.call(*solve.solve.jaxpr, arguments);
}

}  // namespace

namespace evaluators {

Results scan(const Application& a) {
  return run_scan(a);
}
Results while_loop(const Application& a) {
  return run_while(a);
}
Results associative_scan(const Application& a) {
  return run_associative_scan(a);
}
Results cond(const Application& a) {
  return run_branch(a);
}
Results platform_index(const Application& a) {
  return {store(a.types[0], std::vector<std::int64_t>{ir::platform_position(a.equation, "cpu")})};
}
Results jit(const Application& a) {
  return run_call(a);
}
Results pjit(const Application& a) {
  return run_call(a);
}
Results closed_call(const Application& a) {
  return run_call(a);
}
Results core_call(const Application& a) {
  return run_call(a);
}
Results custom_jvp_call(const Application& a) {
  return run_call(a);
}
Results custom_vjp_call(const Application& a) {
  return run_call(a);
}
Results custom_linear_solve(const Application& a) {
  return run_linear_solve(a);
}
Results remat2(const Application& a) {
  return run_call(a);
}
Results checkpoint(const Application& a) {
  return run_call(a);
}
Results name(const Application& a) {
  return a.operands;
}
Results optimization_barrier(const Application& a) {
  return a.operands;
}

}  // namespace evaluators

}  // namespace jaxc::compiler
