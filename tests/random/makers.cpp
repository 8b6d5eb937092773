// The choice of the next primitive, and what makers share.
#include "makers.h"

#include "compiler/prims/record.h"

namespace jaxc::random_programs {

namespace {

struct KindRow {
  ir::Kind kind;
  int weight;
  Make (*maker)(ir::Primitive);
};

constexpr std::array kinds = {
    KindRow{ir::Kind::map, 44, makers::map},        KindRow{ir::Kind::shape, 14, makers::shape},
    KindRow{ir::Kind::reduce, 9, makers::reduce},   KindRow{ir::Kind::cumulative, 3, makers::cumulative},
    KindRow{ir::Kind::window, 4, makers::window},   KindRow{ir::Kind::contract, 5, makers::contract},
    KindRow{ir::Kind::index, 8, makers::index},     KindRow{ir::Kind::loop, 8, makers::control},
    KindRow{ir::Kind::branch, 3, makers::control},  KindRow{ir::Kind::call, 4, makers::control},
    KindRow{ir::Kind::routine, 5, makers::routine}, KindRow{ir::Kind::random, 2, makers::random},
};

}  // namespace

Make maker(ir::Primitive primitive) {
  const compiler::Record& row = compiler::record(primitive);
  if (row.evaluate.missing() || row.lower.missing()) return nullptr;
  for (const KindRow& candidate : kinds)
    if (candidate.kind == ir::kind(primitive)) return candidate.maker(primitive);
  return nullptr;
}

void write_equation(Scope& scope) {
  std::int64_t total = 0;
  for (const KindRow& row : kinds) total += row.weight;
  std::int64_t place = scope.random().between(0, total - 1);
  ir::Kind kind = ir::Kind::map;
  for (const KindRow& row : kinds) {
    kind = row.kind;
    if (place < row.weight) break;
    place -= row.weight;
  }
  if (kind == ir::Kind::loop && scope.depth() >= 3) return;
  std::vector<ir::Primitive> choices;
  for (std::size_t k = 0; k < ir::primitive_count; ++k) {
    const auto primitive = static_cast<ir::Primitive>(k);
    if (ir::kind(primitive) == kind && maker(primitive) != nullptr) choices.push_back(primitive);
  }
  if (choices.empty()) return;
  const ir::Primitive primitive = scope.random().pick(choices);
  for (int attempt = 0; attempt < 3; ++attempt)
    if (maker(primitive)(scope, primitive)) return;
}

Value operand(Scope& scope, ir::DTypes dtypes, std::size_t least_rank, std::size_t most_rank) {
  const auto fits = [&](const Type& type) {
    return contains(dtypes, type.dtype) && type.shape.size() >= least_rank && type.shape.size() <= most_rank;
  };
  return scope.find(fits, [&] {
    return Type{scope.random_dtype(dtypes), scope.random_shape(least_rank, std::min<std::size_t>(most_rank, 4))};
  });
}

std::vector<std::int64_t> some_axes(Random& random, std::size_t rank, std::size_t least, std::size_t most) {
  std::vector<std::int64_t> axes(rank);
  for (std::size_t k = 0; k < rank; ++k) axes[k] = static_cast<std::int64_t>(k);
  random.shuffle(axes);
  most = std::min(most, rank);
  least = std::min(least, most);
  axes.resize(
      static_cast<std::size_t>(random.between(static_cast<std::int64_t>(least), static_cast<std::int64_t>(most))));
  return axes;
}

ir::JaxprPointer binary_jaxpr(ir::Primitive primitive, DType dtype) {
  ir::Jaxpr jaxpr;
  const Type type{dtype, {}};
  jaxpr.inputs = {jaxpr.add_variable(type), jaxpr.add_variable(type)};
  const ir::Variable result = jaxpr.add_variable(type);
  jaxpr.equations.push_back({primitive, {}, {jaxpr.inputs[0], jaxpr.inputs[1]}, {result}, {}});
  jaxpr.outputs = {result};
  return std::make_shared<ir::Jaxpr>(std::move(jaxpr));
}

Monoid monoid(Random& random, DType dtype) {
  using ir::Primitive;
  if (dtype == DType::boolean) {
    const bool both = random.chance(0.5);
    return {binary_jaxpr(both ? Primitive::logical_and : Primitive::logical_or, dtype), both ? 1.0 : 0.0};
  }
  switch (random.below(4)) {
    case 0:
      return {binary_jaxpr(Primitive::add, dtype), 0};
    case 1:
      return {binary_jaxpr(Primitive::mul, dtype), 1};
    case 2:
      return {binary_jaxpr(Primitive::max, dtype), is_unsigned_integer(dtype) ? 0.0 : -100.0};
    default:
      return {binary_jaxpr(Primitive::min, dtype), 100};
  }
}

}  // namespace jaxc::random_programs
