// Writes scalar operations into nested regions, capturing outer values as arguments.
#include "compiler/scalar/expression.h"

#include <algorithm>

#include "jaxc/error.h"

namespace jaxc::compiler {

using ir::Opcode;

namespace {

/// Gives the argument operations of a region new numbers.
void renumber_arguments(ir::Region& region, const std::vector<std::size_t>& numbers, std::vector<DType> types) {
  for (ir::ScalarOp& op : region.ops)
    if (op.opcode == Opcode::argument) op.immediate = numbers.at(op.immediate);
  region.arguments = std::move(types);
}

/// The region without operations that no result depends on; arguments stay.
ir::Region without_unused(ir::Region region) {
  std::vector<bool> used(region.ops.size(), false);
  for (ir::OpId result : region.results) used[result] = true;
  for (std::size_t id = region.ops.size(); id-- > 0;)
    if (used[id])
      for (ir::OpId argument : region.ops[id].arguments) used[argument] = true;
  std::vector<ir::OpId> numbers(region.ops.size(), 0);
  std::vector<ir::ScalarOp> kept;
  for (std::size_t id = 0; id < region.ops.size(); ++id) {
    if (!used[id] && region.ops[id].opcode != Opcode::argument) continue;
    numbers[id] = static_cast<ir::OpId>(kept.size());
    kept.push_back(std::move(region.ops[id]));
    for (ir::OpId& argument : kept.back().arguments) argument = numbers[argument];
  }
  for (ir::OpId& result : region.results) result = numbers[result];
  region.ops = std::move(kept);
  return region;
}

}  // namespace

ScalarCode::ScalarCode() {
  scopes_.emplace_back();
}

Scalar ScalarCode::value(ir::OpId op) {
  return {this, scopes_.size() - 1, op, builder().dtype(op)};
}

ir::OpId ScalarCode::capture(std::size_t depth, ir::OpId outer) {
  Scope& scope = scopes_[depth];
  if (auto found = scope.captured.find(outer); found != scope.captured.end()) return found->second;
  const ir::OpId argument = scope.builder.argument(scopes_[depth - 1].builder.dtype(outer));
  scope.captured.emplace(outer, argument);
  scope.captures.push_back(outer);
  return argument;
}

ir::OpId ScalarCode::import(Scalar a) {
  if (a.code != this || a.depth >= scopes_.size()) throw InternalError("a Scalar is used outside its region");
  const ir::ScalarOp& op = scopes_[a.depth].builder.op(a.op);
  if (op.opcode == Opcode::constant && a.depth + 1 < scopes_.size())
    return builder().constant({op.dtype, op.immediate});
  ir::OpId id = a.op;
  for (std::size_t depth = a.depth + 1; depth < scopes_.size(); ++depth) id = capture(depth, id);
  return id;
}

Scalar ScalarCode::argument(DType dtype) {
  return value(builder().argument(dtype));
}

Scalar ScalarCode::number(DType dtype, double number) {
  return value(builder().constant(dtype, number));
}

Scalar ScalarCode::bits(DType dtype, std::uint64_t bits) {
  return value(builder().constant({dtype, bits}));
}

Scalar ScalarCode::unary(Opcode opcode, Scalar a) {
  return value(builder().unary(opcode, import(a)));
}

Scalar ScalarCode::binary(Opcode opcode, Scalar a, Scalar b) {
  const ir::OpId left = import(a);
  return value(builder().binary(opcode, left, import(b)));
}

Scalar ScalarCode::select(Scalar condition, Scalar when_true, Scalar when_false) {
  const ir::OpId test = import(condition);
  const ir::OpId left = import(when_true);
  return value(builder().select(test, left, import(when_false)));
}

Scalar ScalarCode::mul_add(Scalar a, Scalar b, Scalar c) {
  const ir::OpId left = import(a);
  const ir::OpId right = import(b);
  return value(builder().mul_add(left, right, import(c)));
}

Scalar ScalarCode::fma(Scalar a, Scalar b, Scalar c) {
  const ir::OpId left = import(a);
  const ir::OpId right = import(b);
  return value(builder().fma(left, right, import(c)));
}

Scalar ScalarCode::convert(DType dtype, Scalar a) {
  return value(builder().convert(dtype, import(a)));
}

Scalar ScalarCode::bitcast(DType dtype, Scalar a) {
  return value(builder().bitcast(dtype, import(a)));
}

Scalar ScalarCode::call(std::string_view name, DType dtype, const std::vector<Scalar>& arguments) {
  std::vector<ir::OpId> ids;
  for (Scalar argument : arguments) ids.push_back(import(argument));
  auto found = std::find(callees_.begin(), callees_.end(), name);
  const auto number = static_cast<std::uint64_t>(found - callees_.begin());
  if (found == callees_.end()) callees_.emplace_back(name);
  return value(builder().call(dtype, number, std::move(ids)));
}

ScalarCode::Closure ScalarCode::close(const std::vector<ir::OpId>& results) {
  Closure closure{without_unused(builder().finish(results)), std::move(scopes_.back().captures)};
  scopes_.pop_back();
  return closure;
}

ScalarCode::Values ScalarCode::branch(Scalar condition, const std::function<Values()>& when_true,
                                      const std::function<Values()>& when_false) {
  const ir::OpId test = import(condition);
  auto write = [&](const std::function<Values()>& side) {
    scopes_.emplace_back();
    std::vector<ir::OpId> results;
    for (Scalar result : side()) results.push_back(import(result));
    return close(results);
  };
  Closure first = write(when_true);
  Closure second = write(when_false);
  std::vector<ir::OpId> captures = first.captures;
  for (ir::OpId id : second.captures)
    if (std::find(captures.begin(), captures.end(), id) == captures.end()) captures.push_back(id);
  std::vector<DType> types;
  for (ir::OpId id : captures) types.push_back(builder().dtype(id));
  for (Closure* side : {&first, &second}) {
    std::vector<std::size_t> numbers;
    for (ir::OpId id : side->captures)
      numbers.push_back(std::find(captures.begin(), captures.end(), id) - captures.begin());
    renumber_arguments(side->region, numbers, types);
  }
  Values results;
  for (ir::OpId id : builder().branch(test, captures, std::move(first.region), std::move(second.region)))
    results.push_back(value(id));
  return results;
}

ScalarCode::Values ScalarCode::repeat(std::uint64_t bound, const Values& initial,
                                      const std::function<Scalar(const Values&)>& condition,
                                      const std::function<Values(const Values&)>& body) {
  std::vector<ir::OpId> arguments;
  for (Scalar a : initial) arguments.push_back(import(a));
  auto open = [&] {
    scopes_.emplace_back();
    Values state;
    for (const Scalar& a : initial) state.push_back(argument(a.dtype));
    return state;
  };
  const Values tested = open();
  Closure test = close({import(condition(tested))});
  const Values state = open();
  std::vector<ir::OpId> next;
  for (Scalar a : body(state)) next.push_back(import(a));
  const std::size_t depth = scopes_.size() - 1;
  for (ir::OpId id : test.captures) capture(depth, id);
  const std::vector<ir::OpId> captures = scopes_.back().captures;
  for (ir::OpId id : captures) next.push_back(capture(depth, id));
  Closure step = close(next);

  std::vector<std::size_t> numbers;
  std::vector<DType> types;
  for (std::size_t k = 0; k < initial.size(); ++k) {
    numbers.push_back(k);
    types.push_back(initial[k].dtype);
  }
  for (ir::OpId id : captures) types.push_back(builder().dtype(id));
  for (ir::OpId id : test.captures)
    numbers.push_back(initial.size() + (std::find(captures.begin(), captures.end(), id) - captures.begin()));
  renumber_arguments(test.region, numbers, types);
  arguments.insert(arguments.end(), captures.begin(), captures.end());
  const auto ids = builder().repeat(bound, arguments, std::move(test.region), std::move(step.region));
  Values results;
  for (std::size_t k = 0; k < initial.size(); ++k) results.push_back(value(ids[k]));
  return results;
}

LibraryFunction ScalarCode::finish(Scalar result) {
  if (scopes_.size() != 1) throw InternalError("a library function ends inside a region");
  return {without_unused(builder().finish({import(result)})), std::move(callees_)};
}

Scalar operator+(Scalar a, Scalar b) {
  return a.code->binary(Opcode::add, a, b);
}
Scalar operator-(Scalar a, Scalar b) {
  return a.code->binary(Opcode::sub, a, b);
}
Scalar operator*(Scalar a, Scalar b) {
  return a.code->binary(Opcode::mul, a, b);
}
Scalar operator/(Scalar a, Scalar b) {
  return a.code->binary(Opcode::div, a, b);
}
Scalar operator&(Scalar a, Scalar b) {
  return a.code->binary(Opcode::bit_and, a, b);
}
Scalar operator|(Scalar a, Scalar b) {
  return a.code->binary(Opcode::bit_or, a, b);
}
Scalar operator^(Scalar a, Scalar b) {
  return a.code->binary(Opcode::bit_xor, a, b);
}
Scalar operator<<(Scalar a, int amount) {
  return a.code->binary(Opcode::shift_left, a, like(a, amount));
}
Scalar operator>>(Scalar a, int amount) {
  return a.code->binary(Opcode::shift_right_logical, a, like(a, amount));
}
Scalar shift_arithmetic(Scalar a, int amount) {
  return a.code->binary(Opcode::shift_right_arithmetic, a, like(a, amount));
}
Scalar operator<(Scalar a, Scalar b) {
  return a.code->binary(Opcode::lt, a, b);
}
Scalar operator<=(Scalar a, Scalar b) {
  return a.code->binary(Opcode::le, a, b);
}
Scalar operator==(Scalar a, Scalar b) {
  return a.code->binary(Opcode::eq, a, b);
}
Scalar operator!=(Scalar a, Scalar b) {
  return a.code->binary(Opcode::ne, a, b);
}
Scalar operator-(Scalar a) {
  return a.code->unary(Opcode::neg, a);
}
Scalar operator!(Scalar a) {
  return a.code->unary(Opcode::bit_not, a);
}

Scalar like(Scalar a, double value) {
  return a.code->number(a.dtype, value);
}

Scalar abs(Scalar a) {
  return a.code->unary(Opcode::abs, a);
}
Scalar sqrt(Scalar a) {
  return a.code->unary(Opcode::sqrt, a);
}
Scalar floor(Scalar a) {
  return a.code->unary(Opcode::floor, a);
}
Scalar trunc(Scalar a) {
  return a.code->unary(Opcode::trunc, a);
}
Scalar round_even(Scalar a) {
  return a.code->unary(Opcode::round_even, a);
}
Scalar is_nan(Scalar a) {
  return a.code->unary(Opcode::is_nan, a);
}
Scalar select(Scalar condition, Scalar when_true, Scalar when_false) {
  return condition.code->select(condition, when_true, when_false);
}
Scalar select(Scalar condition, double when_true, Scalar when_false) {
  return select(condition, like(when_false, when_true), when_false);
}
Scalar select(Scalar condition, Scalar when_true, double when_false) {
  return select(condition, when_true, like(when_true, when_false));
}
Scalar mul_add(Scalar a, Scalar b, Scalar c) {
  return a.code->mul_add(a, b, c);
}
Scalar fma(Scalar a, Scalar b, Scalar c) {
  return a.code->fma(a, b, c);
}
Scalar convert(DType dtype, Scalar a) {
  return a.code->convert(dtype, a);
}
Scalar bitcast(DType dtype, Scalar a) {
  return a.code->bitcast(dtype, a);
}

Scalar branch(Scalar condition, const std::function<Scalar()>& when_true, const std::function<Scalar()>& when_false) {
  return condition.code->branch(
      condition, [&] { return ScalarCode::Values{when_true()}; }, [&] { return ScalarCode::Values{when_false()}; })[0];
}

Scalar unless(Scalar condition, Scalar usual, const std::function<Scalar()>& slow) {
  return branch(condition, slow, [&] { return usual; });
}

Scalar polynomial(Scalar x, std::initializer_list<double> coefficients) {
  const double* c = coefficients.end();
  Scalar sum = like(x, *--c);
  while (c != coefficients.begin()) sum = mul_add(sum, x, *--c);
  return sum;
}

}  // namespace jaxc::compiler
