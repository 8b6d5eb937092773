// Signatures of keys and random bits.
#include "ir/prims/checks.h"

namespace jaxc::ir {

namespace {

Shape appended(const Shape& left, const Shape& right) {
  Shape all = left;
  all.insert(all.end(), right.begin(), right.end());
  return all;
}

Shape requested_shape(const TypeQuery& query) {
  Shape shape = query.parameters().integers("shape");
  for (std::int64_t extent : shape) query.require(extent >= 0, "shape must not be negative, got {}", to_string(shape));
  return shape;
}

void require_threefry(const TypeQuery& query) {
  const std::string implementation = query.parameters().symbol_or_empty("impl");
  query.require(implementation.empty() || implementation == "fry" || implementation == "threefry2x32",
                "only threefry keys (impl=fry) are supported, got {}", implementation);
}

Types seed_types(const TypeQuery& query) {
  require_threefry(query);
  return {{DType::key, query.operands[0].shape}};
}

Types split_types(const TypeQuery& query) {
  return {{DType::key, appended(query.operands[0].shape, requested_shape(query))}};
}

Types fold_in_types(const TypeQuery& query) {
  query.require(is_integer(query.operands[1].dtype), "the data must be integers, got {}", to_string(query.operands[1]));
  return {{DType::key, broadcast_shape(query)}};
}

Types bits_types(const TypeQuery& query) {
  const std::int64_t width = query.parameters().integer("bit_width");
  const auto dtype = dtype_from_name(fmt::format("u{}", width));
  query.require(dtype.has_value() && (width == 8 || width == 16 || width == 32 || width == 64),
                "bit_width must be 8, 16, 32 or 64, got {}", width);
  return {{*dtype, appended(query.operands[0].shape, requested_shape(query))}};
}

// Operands: keys, and shape parameters for each of them.
Types gamma_types(const TypeQuery& query) {
  const Shape& keys = query.operands[0].shape;
  const Type& parameters = query.operands[1];
  query.require(contains(dtypes::floats, parameters.dtype), "the shape parameter must be floating, got {}",
                to_string(parameters));
  query.require(
      keys.size() <= parameters.shape.size() && std::equal(keys.begin(), keys.end(), parameters.shape.begin()),
      "the shape parameter's leading axes must be the keys' {}, got {}", to_string(keys), to_string(parameters.shape));
  return {parameters};
}

Types wrap_types(const TypeQuery& query) {
  require_threefry(query);
  const Type& bits = query.operands[0];
  query.require(bits.dtype == DType::u32 && !bits.shape.empty() && bits.shape.back() == 2,
                "the operand must be u32[...,2], got {}", to_string(bits));
  return {{DType::key, Shape(bits.shape.begin(), bits.shape.end() - 1)}};
}

Types unwrap_types(const TypeQuery& query) {
  return {{DType::u32, appended(query.operands[0].shape, {2})}};
}

Types threefry_types(const TypeQuery& query) {
  for (const Type& type : query.operands) {
    query.require(type.dtype == DType::u32, "operands must be u32, got {}", to_string(type));
  }
  const Type result{DType::u32, broadcast_shape(query)};
  return {result, result};
}

// The key is u32[4] or u64[2].
Types generator_types(const TypeQuery& query) {
  const Type& key = query.operands[0];
  query.require(key == Type{DType::u32, {4}} || key == Type{DType::u64, {2}},
                "the key must be u32[4] or u64[2], got {}", to_string(key));
  const DType dtype = query.parameters().dtype("dtype");
  query.require(is_unsigned_integer(dtype), "dtype must be an unsigned integer, got {}", name(dtype));
  return {key, {dtype, requested_shape(query)}};
}

constexpr Interval seed_values{0, 1000};

}  // namespace

namespace signatures {

const Signature random_seed{seed_types, {dtypes::integers, 1, {seed_values}}};
const Signature random_split{split_types, {dtypes::keys, 1}};
const Signature random_fold_in{fold_in_types, {dtypes::keys, 2, {seed_values, seed_values}}};
const Signature random_bits{bits_types, {dtypes::keys, 1}};
const Signature random_gamma{gamma_types, {dtypes::keys, 2, {seed_values, Interval{0.2, 6}}}};
const Signature random_wrap{wrap_types, {DTypes::unsigned_integer, 1, {seed_values}}};
const Signature random_unwrap{unwrap_types, {dtypes::keys, 1}};
const Signature threefry2x32{threefry_types, {DTypes::unsigned_integer, 4, {seed_values, seed_values, seed_values}}};
const Signature rng_bit_generator{generator_types, {DTypes::unsigned_integer, 1, {seed_values}}};

}  // namespace signatures

}  // namespace jaxc::ir
