// Makers of loops, branches and calls, whose jaxprs are random programs themselves.
#include <fmt/format.h>

#include "makers.h"

namespace jaxc::random_programs {

using ir::Primitive;

namespace {

void fill(Scope& scope) {
  const std::int64_t count = scope.random().between(1, 7);
  for (std::int64_t k = 0; k < count && !scope.full(); ++k) write_equation(scope);
}

ir::JaxprPointer shared(ir::Jaxpr jaxpr) {
  return std::make_shared<ir::Jaxpr>(std::move(jaxpr));
}

Values joined(Values first, const Values& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// A carry or stacked array: not too large, and movable.
Value state(Scope& scope) {
  return scope.find([](const Type& type) { return type.shape.size() <= 3 && element_count(type.shape) <= 64; },
                    [&] { return Type{scope.random_dtype(ir::dtypes::computable), scope.random_shape(0, 2)}; });
}

/// What a body returns for a carry of this type; clamped, so that loops do not grow without bound.
Value next_state(Scope& body, const Type& type) {
  Value next = body.of_type(type);
  if (is_floating(type.dtype) && body.random().chance(0.9)) {
    const auto clamped = body.apply(Primitive::clamp, {}, {literal(type.dtype, -3), next, literal(type.dtype, 3)});
    if (clamped) next = clamped->at(0);
  }
  return next;
}

Array first_step(const Array& stacked, bool last) {
  Type type{stacked.type().dtype, Shape(stacked.type().shape.begin() + 1, stacked.type().shape.end())};
  const std::int64_t length = stacked.type().shape[0];
  const auto bytes = static_cast<std::size_t>(byte_count(type));
  if (length == 0) return Array(type);
  return Array(type, stacked.bytes().subspan(last ? static_cast<std::size_t>(length - 1) * bytes : 0, bytes));
}

bool scan(Scope& scope, Primitive primitive) {
  Random& random = scope.random();
  const std::int64_t carries = random.between(0, 3);
  const std::int64_t stacks = random.between(carries == 0 ? 1 : 0, 2);
  const bool reverse = random.chance(0.3);
  Values initial;
  for (std::int64_t k = 0; k < carries; ++k) initial.push_back(state(scope));
  Values stacked;
  std::int64_t length = random.chance(0.04) ? 0 : random.chance(0.1) ? random.between(9, 40) : random.between(1, 6);
  for (std::int64_t k = 0; k < stacks; ++k) {
    const auto fits = [&](const Type& type) {
      return !type.shape.empty() && (k == 0 ? type.shape[0] <= 40 : type.shape[0] == length) &&
             element_count(type.shape) <= 400;
    };
    stacked.push_back(scope.find(fits, [&] {
      Shape shape = scope.random_shape(0, 2);
      shape.insert(shape.begin(), length);
      return Type{scope.random_dtype(ir::dtypes::computable), shape};
    }));
    length = stacked[0].shape()[0];
  }
  Scope body(scope.writing(), scope);
  Values arguments;
  for (const Value& value : initial) arguments.push_back(body.input(value.array));
  for (const Value& value : stacked) body.input(first_step(value.array, reverse));
  fill(body);
  Values outputs;
  for (const Value& value : arguments) outputs.push_back(random.chance(0.05) ? value : next_state(body, value.type()));
  const std::int64_t results = random.between(carries == 0 ? 1 : 0, 2);
  for (std::int64_t k = 0; k < results; ++k) outputs.push_back(state(body));
  ir::Parameters written = parameters(
      fmt::format("_split_transpose=False length={} linear=() num_carry={} num_consts={} reverse={} unroll=1", length,
                  carries, body.captured().size(), reverse ? "True" : "False"));
  written.set("jaxpr", {shared(body.finish(outputs))});
  return scope.apply(primitive, written, joined(joined(body.captured(), initial), stacked)).has_value();
}

// A counter ends the loop; what the body computes may end it earlier.
bool while_loop(Scope& scope, Primitive primitive) {
  Random& random = scope.random();
  Values initial = {literal(DType::i32, 0)};
  const std::int64_t carries = random.between(1, 3);
  for (std::int64_t k = 0; k < carries; ++k) initial.push_back(state(scope));
  Scope condition(scope.writing(), scope);
  Values seen;
  for (const Value& value : initial) seen.push_back(condition.input(value.array));
  const auto limit =
      condition.one(Primitive::lt, "", {seen[0], literal(DType::i32, static_cast<double>(random.between(0, 5)))});
  if (!limit) return false;
  Value holds = *limit;
  if (random.chance(0.4)) {
    const auto both = condition.one(Primitive::logical_and, "", {holds, condition.of_type({DType::boolean, {}})});
    if (both) holds = *both;
  }
  Scope body(scope.writing(), scope);
  Values arguments;
  for (const Value& value : initial) arguments.push_back(body.input(value.array));
  const auto counted = body.one(Primitive::add, "", {arguments[0], literal(DType::i32, 1)});
  if (!counted) return false;
  fill(body);
  Values outputs = {*counted};
  for (std::size_t k = 1; k < arguments.size(); ++k)
    outputs.push_back(random.chance(0.05) ? arguments[k] : next_state(body, arguments[k].type()));
  ir::Parameters written =
      parameters(fmt::format("body_nconsts={} cond_nconsts={}", body.captured().size(), condition.captured().size()));
  written.set("body_jaxpr", {shared(body.finish(outputs))});
  written.set("cond_jaxpr", {shared(condition.finish({holds}))});
  return scope.apply(primitive, written, joined(joined(condition.captured(), body.captured()), initial)).has_value();
}

// x op y, or the affine maps (a, b) op (c, d) = (a c, b c + d), on slabs.
bool associative_scan(Scope& scope, Primitive primitive) {
  Random& random = scope.random();
  const Value x = operand(scope, ir::dtypes::numbers, 1, 3);
  const std::size_t axis = random.below(x.shape().size());
  const bool affine = random.chance(0.4);
  Values leaves = {x};
  if (affine) leaves.push_back(scope.of_type(x.type()));
  Scope body(scope.writing(), scope);
  Values slabs;
  Type slab = x.type();
  slab.shape[axis] = 1;
  for (std::size_t k = 0; k < 2 * leaves.size(); ++k) slabs.push_back(body.input(Array(slab)));
  Values outputs;
  if (affine) {
    const auto scale = body.one(Primitive::mul, "", {slabs[0], slabs[2]});
    const auto moved = body.one(Primitive::mul, "", {slabs[1], slabs[2]});
    if (!scale || !moved) return false;
    const auto sum = body.one(Primitive::add, "", {*moved, slabs[3]});
    if (!sum) return false;
    outputs = {*scale, *sum};
  } else {
    static const std::vector<Primitive> folds = {Primitive::add, Primitive::mul, Primitive::max, Primitive::min};
    const auto folded = body.one(folds[random.below(is_complex(x.dtype()) ? 2 : 4)], "", {slabs[0], slabs[1]});
    if (!folded) return false;
    outputs = {*folded};
  }
  ir::Parameters written =
      parameters(fmt::format("axis={} num_consts=0 reverse={}", axis, random.chance(0.3) ? "True" : "False"));
  written.set("jaxpr", {shared(body.finish(outputs))});
  return scope.apply(primitive, written, leaves).has_value();
}

// Every branch takes the values that any of them captures.
bool cond(Scope& scope, Primitive primitive) {
  Random& random = scope.random();
  const std::int64_t count = random.between(1, 3);
  const Value index = scope.of_type({count == 2 && random.chance(0.3) ? DType::boolean : DType::i32, {}});
  std::vector<Type> results;
  for (std::int64_t k = random.between(1, 3); k > 0; --k) results.push_back(state(scope).type());
  std::vector<std::unique_ptr<Scope>> branches;
  std::vector<Values> outputs;
  Values operands;
  for (std::int64_t k = 0; k < count; ++k) {
    Scope& branch = *branches.emplace_back(std::make_unique<Scope>(scope.writing(), scope));
    if (k > 0)
      for (const Value& value : operands) branch.capture(value);
    fill(branch);
    Values& chosen = outputs.emplace_back();
    for (const Type& type : results) chosen.push_back(branch.of_type(type));
    operands = branch.captured();
  }
  ir::Parameter::Tuple jaxprs;
  for (std::size_t k = 0; k < branches.size(); ++k) {
    // The captures of later branches extend those of earlier ones.
    for (const Value& value : operands) branches[k]->capture(value);
    jaxprs.items.push_back({shared(branches[k]->finish(outputs[k]))});
  }
  ir::Parameters written;
  written.set("branches", {jaxprs});
  return scope.apply(primitive, written, joined({index}, operands)).has_value();
}

bool call(Scope& scope, Primitive primitive) {
  Scope body(scope.writing(), scope);
  fill(body);
  Values outputs;
  for (std::int64_t k = scope.random().between(1, 3); k > 0; --k) outputs.push_back(state(body));
  const bool jaxpr = primitive == Primitive::jit || primitive == Primitive::pjit || primitive == Primitive::remat2 ||
                     primitive == Primitive::checkpoint;
  ir::Parameters written = parameters(jaxpr ? "name=f" : "");
  written.set(jaxpr ? "jaxpr" : "call_jaxpr", {shared(body.finish(outputs))});
  return scope.apply(primitive, written, body.captured()).has_value();
}

bool pass(Scope& scope, Primitive primitive) {
  Values operands = {operand(scope, ir::dtypes::any)};
  if (primitive == Primitive::optimization_barrier) operands.push_back(operand(scope, ir::dtypes::any));
  return scope.apply(primitive, parameters(primitive == Primitive::name ? "name=f" : ""), operands).has_value();
}

bool platform(Scope& scope, Primitive primitive) {
  return scope.one(primitive, "has_default=True platforms=(('cuda',), None)", {}).has_value();
}

}  // namespace

Make makers::control(Primitive primitive) {
  switch (primitive) {
    case Primitive::scan:
      return scan;
    case Primitive::while_loop:
      return while_loop;
    case Primitive::associative_scan:
      return associative_scan;
    case Primitive::cond:
      return cond;
    case Primitive::platform_index:
      return platform;
    case Primitive::custom_linear_solve:
      return nullptr;
    case Primitive::name:
    case Primitive::optimization_barrier:
      return pass;
    default:
      return call;
  }
}

}  // namespace jaxc::random_programs
