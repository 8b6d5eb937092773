// Makers of primitives that move elements, and of reductions and prefix folds.
#include <fmt/format.h>

#include <algorithm>

#include "makers.h"

namespace jaxc::random_programs {

using ir::Primitive;
using Axes = std::vector<std::int64_t>;

namespace {

std::string axis_text(Scope& scope, const Value& x) {
  return std::to_string(scope.random().below(x.shape().size()));
}

bool broadcast(Scope& scope, Primitive primitive) {
  Value x = operand(scope, ir::dtypes::any, 0, 3);
  const Shape extra = scope.random_shape(0, 2);
  Shape shape;
  Axes kept;
  std::size_t next = 0;
  for (std::size_t k = 0; k < x.shape().size() + extra.size(); ++k) {
    const bool old = next >= x.shape().size() ? false : k - next >= extra.size() || scope.random().chance(0.5);
    if (old) {
      kept.push_back(static_cast<std::int64_t>(k));
      const std::int64_t extent = x.shape()[next++];
      shape.push_back(extent == 1 && scope.random().chance(0.5) ? scope.random().between(1, 4) : extent);
    } else {
      shape.push_back(extra[k - next]);
    }
  }
  if (x.shape().empty() && x.dtype() != DType::key && scope.random().chance(0.3)) x = literal(x.dtype(), 1);
  return scope.apply(primitive, parameters("broadcast_dimensions=" + tuple(kept)), {x}, {{x.dtype(), shape}})
      .has_value();
}

// The extents regrouped: their prime factors in order, multiplied at random.
bool reshape(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any);
  std::int64_t left = element_count(x.shape());
  Shape shape;
  if (left == 0) shape.push_back(0);
  for (std::int64_t factor = 2; left > 1 && factor <= left;) {
    if (left % factor != 0) {
      ++factor;
      continue;
    }
    left /= factor;
    if (!shape.empty() && scope.random().chance(0.6))
      shape.back() *= factor;
    else
      shape.push_back(factor);
  }
  if (scope.random().chance(0.3)) shape.push_back(1);
  scope.random().shuffle(shape);
  std::string order = "None";
  if (x.shape().size() > 1 && scope.random().chance(0.1))
    order = tuple(some_axes(scope.random(), x.shape().size(), x.shape().size(), x.shape().size()));
  return scope.one(primitive, fmt::format("dimensions={} new_sizes={} sharding=None", order, tuple(shape)), {x})
      .has_value();
}

bool transpose(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 1);
  const std::size_t rank = x.shape().size();
  return scope.one(primitive, "permutation=" + tuple(some_axes(scope.random(), rank, rank, rank)), {x}).has_value();
}

bool reverse(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 1);
  return scope.one(primitive, "dimensions=" + tuple(some_axes(scope.random(), x.shape().size(), 1, 9)), {x})
      .has_value();
}

bool slice(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 1);
  Axes starts;
  Axes limits;
  Axes strides;
  for (std::int64_t extent : x.shape()) {
    starts.push_back(scope.random().between(0, extent > 0 ? extent - 1 : 0));
    limits.push_back(
        scope.random().between(std::min(starts.back() + (scope.random().chance(0.03) ? 0 : 1), extent), extent));
    strides.push_back(scope.random().chance(0.6) ? 1 : scope.random().between(1, 3));
  }
  return scope
      .one(primitive,
           fmt::format("limit_indices={} start_indices={} strides={}", tuple(limits), tuple(starts), tuple(strides)),
           {x})
      .has_value();
}

bool pad(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::computable, 1);
  std::string config = "(";
  for (std::int64_t extent : x.shape()) {
    const std::int64_t low = scope.random().between(-1, 3);
    const std::int64_t interior = scope.random().chance(0.3) ? scope.random().between(1, 2) : 0;
    config += fmt::format("({}, {}, {}), ", low, scope.random().between(extent > 1 ? -1 : 0, 2), interior);
  }
  return scope.one(primitive, "padding_config=" + config + ")", {x, literal(x.dtype(), scope.random().between(0, 1))})
      .has_value();
}

bool concatenate(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 1);
  const std::size_t axis = scope.random().below(x.shape().size());
  Values operands = {x};
  const std::int64_t count = scope.random().between(0, 3);
  for (std::int64_t k = 0; k < count; ++k) {
    Type type = x.type();
    if (scope.random().chance(0.4)) type.shape[axis] = scope.random().between(1, 4);
    operands.push_back(scope.of_type(type));
  }
  scope.random().shuffle(operands);
  return scope.one(primitive, fmt::format("dimension={}", axis), operands).has_value();
}

bool stack(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 0, 3);
  Values operands = {x};
  const std::int64_t count = scope.random().between(0, 3);
  for (std::int64_t k = 0; k < count; ++k) operands.push_back(scope.of_type(x.type()));
  return scope.one(primitive, fmt::format("axis={}", scope.random().below(x.shape().size() + 1)), operands).has_value();
}

bool unstack(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 1);
  const std::size_t axis = scope.random().below(x.shape().size());
  if (x.shape()[axis] > 8 || x.shape()[axis] == 0) return false;
  return scope.apply(primitive, parameters(fmt::format("axis={}", axis)), {x}).has_value();
}

bool split(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 1);
  const std::size_t axis = scope.random().below(x.shape().size());
  Axes sizes;
  std::int64_t left = x.shape()[axis];
  while (left > 0 && sizes.size() < 4) {
    sizes.push_back(sizes.size() == 3 ? left : scope.random().between(scope.random().chance(0.05) ? 0 : 1, left));
    left -= sizes.back();
  }
  if (left > 0) sizes.push_back(left);
  if (sizes.empty()) return false;
  return scope.apply(primitive, parameters(fmt::format("axis={} sizes={}", axis, tuple(sizes))), {x}).has_value();
}

bool squeeze(Scope& scope, Primitive primitive) {
  const auto has_one = [](const Type& type) {
    return std::find(type.shape.begin(), type.shape.end(), 1) != type.shape.end();
  };
  const Value x = scope.find(has_one, [&] { return Type{scope.random_dtype(ir::dtypes::computable), {3, 1, 2}}; });
  Axes axes;
  for (std::size_t k = 0; k < x.shape().size(); ++k)
    if (x.shape()[k] == 1) axes.push_back(static_cast<std::int64_t>(k));
  return scope.one(primitive, "dimensions=" + tuple(axes), {x}).has_value();
}

bool expand(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 0, 3);
  return scope.one(primitive, "dimensions=" + tuple(some_axes(scope.random(), x.shape().size() + 1, 1, 1)), {x})
      .has_value();
}

bool tile(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 1, 3);
  Axes repetitions;
  for (std::size_t k = 0; k < x.shape().size(); ++k) repetitions.push_back(scope.random().between(1, 3));
  return scope.one(primitive, "reps=" + tuple(repetitions), {x}).has_value();
}

bool iota(Scope& scope, Primitive primitive) {
  const Shape shape = scope.random_shape(1, 3);
  return scope
      .one(primitive,
           fmt::format("dimension={} dtype={} shape={} sharding=None", scope.random().below(shape.size()),
                       numpy_name(scope.random_dtype(ir::dtypes::numbers)), tuple(shape)),
           {})
      .has_value();
}

bool bitcast(Scope& scope, Primitive primitive) {
  static const std::vector<DType> targets = {DType::f32, DType::i32, DType::u32, DType::i64, DType::u64,
                                             DType::u8,  DType::i8,  DType::u16, DType::f64};
  const Value x = operand(scope, ir::dtypes::real_numbers);
  return scope.one(primitive, fmt::format("new_dtype={}", numpy_name(scope.random().pick(targets))), {x}).has_value();
}

bool reduce(Scope& scope, Primitive primitive) {
  ir::DTypes dtypes = ir::dtypes::numbers;
  if (primitive == Primitive::reduce_max || primitive == Primitive::reduce_min) dtypes = ir::dtypes::computable;
  if (primitive == Primitive::reduce_or || primitive == Primitive::reduce_and || primitive == Primitive::reduce_xor)
    dtypes = ir::dtypes::bits;
  const Value x = operand(scope, dtypes, 1);
  Axes axes = some_axes(scope.random(), x.shape().size(), scope.random().chance(0.03) ? 0 : 1, 4);
  std::sort(axes.begin(), axes.end());
  return scope.one(primitive, "axes=" + tuple(axes), {x}).has_value();
}

bool arg_reduce(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::ordered, 1);
  return scope
      .one(
          primitive,
          fmt::format("axes=({},) index_dtype={}", axis_text(scope, x), scope.random().chance(0.8) ? "int32" : "int64"),
          {x})
      .has_value();
}

bool general_reduce(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::computable, 1);
  const Monoid fold = monoid(scope.random(), x.dtype());
  Axes axes = some_axes(scope.random(), x.shape().size(), 1, 4);
  std::sort(axes.begin(), axes.end());
  ir::Parameters written = parameters("dimensions=" + tuple(axes));
  written.set("jaxpr", {fold.jaxpr});
  return scope.apply(primitive, written, {x, literal(x.dtype(), fold.neutral)}).has_value();
}

bool prefix(Scope& scope, Primitive primitive) {
  ir::DTypes dtypes = ir::dtypes::numbers;
  if (primitive == Primitive::cumlogsumexp) dtypes = ir::dtypes::inexact;
  const Value x = operand(scope, dtypes, 1);
  return scope
      .one(primitive,
           fmt::format("axis={} reverse={}", axis_text(scope, x), scope.random().chance(0.3) ? "True" : "False"), {x})
      .has_value();
}

struct Row {
  Primitive primitive;
  Make make;
};
constexpr std::array shape_makers = {
    Row{Primitive::broadcast_in_dim, broadcast},
    Row{Primitive::reshape, reshape},
    Row{Primitive::transpose, transpose},
    Row{Primitive::rev, reverse},
    Row{Primitive::slice, slice},
    Row{Primitive::pad, pad},
    Row{Primitive::concatenate, concatenate},
    Row{Primitive::stack, stack},
    Row{Primitive::unstack, unstack},
    Row{Primitive::split, split},
    Row{Primitive::squeeze, squeeze},
    Row{Primitive::expand_dims, expand},
    Row{Primitive::tile, tile},
    Row{Primitive::iota, iota},
    Row{Primitive::bitcast_convert_type, bitcast},
};

}  // namespace

Make makers::shape(Primitive primitive) {
  for (const Row& row : shape_makers)
    if (row.primitive == primitive) return row.make;
  return nullptr;
}

Make makers::reduce(Primitive primitive) {
  if (primitive == Primitive::reduce) return general_reduce;
  if (primitive == Primitive::argmin || primitive == Primitive::argmax) return arg_reduce;
  return random_programs::reduce;
}

Make makers::cumulative(Primitive) {
  return prefix;
}

}  // namespace jaxc::random_programs
