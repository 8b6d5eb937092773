// Lowering's arrays and nests: how values are held and the common forms of nodes.
#include "compiler/lower/lowering.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "compiler/lower/literals.h"
#include "compiler/scalar/library.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

using ir::ArrayId;
using ir::Index;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;

DType storage_dtype(DType dtype) {
  switch (dtype) {
    case DType::f16:
    case DType::bf16:
      return DType::u16;
    case DType::i2:
    case DType::i4:
      return DType::i8;
    case DType::u2:
    case DType::u4:
      return DType::u8;
    case DType::key:
      return DType::u32;
    default:
      break;
  }
  if (is_complex(dtype)) return real_dtype(dtype);
  if (dtype == DType::boolean || is_integer(dtype) || dtype == DType::f32 || dtype == DType::f64) return dtype;
  throw Error(
      fmt::format("lower: elements are of a type that can be computed with, got {}; convert them to f32", name(dtype)));
}

Shape storage_shape(const Type& type) {
  Shape shape = type.shape;
  if (is_complex(type.dtype) || type.dtype == DType::key) shape.push_back(2);
  return shape;
}

DType compute_dtype(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : storage_dtype(dtype);
}

std::vector<Index> at(std::span<const OpId> ops) {
  std::vector<Index> indices;
  for (OpId op : ops) indices.push_back(at(op));
  return indices;
}

ir::ScalarConstant identity_of(Opcode merge, DType dtype) {
  const DType element = compute_dtype(dtype);
  const auto whole = [&](std::uint64_t value) {
    return ir::constant_of_integer(element, static_cast<std::int64_t>(value));
  };
  // For integers: all bits, and the least signed value, whose sign goes on in memory.
  const int bits = value_bits(is_complex(dtype) ? element : dtype);
  const std::uint64_t ones = ~std::uint64_t{0} >> (64 - bits);
  const std::uint64_t least = ~std::uint64_t{0} << (bits - 1);
  const double infinity = std::numeric_limits<double>::infinity();
  switch (merge) {
    case Opcode::add:
    case Opcode::bit_or:
    case Opcode::bit_xor:
      return whole(0);
    case Opcode::mul:
      return whole(1);
    case Opcode::bit_and:
      return whole(is_signed_integer(dtype) ? ~std::uint64_t{0} : ones);
    case Opcode::min:
      if (is_floating(element)) return ir::constant_of(element, infinity);
      return whole(is_signed_integer(dtype) ? ~least : ones);
    case Opcode::max:
      if (is_floating(element)) return ir::constant_of(element, -infinity);
      return whole(is_signed_integer(dtype) ? least : 0);
    default:
      throw InternalError("identity_of: not a merge");
  }
}

// ---- The equation being lowered.

const Type& Lowering::type(const ir::Atom& atom) const {
  return frames_.back().jaxpr->type(atom);
}

void Lowering::fail(std::string_view message) const {
  if (equation_ == nullptr) throw Error(fmt::format("lower: {}", message));
  throw Error(fmt::format("{}: {} (line {}, column {})", name(equation_->primitive), message, equation_->location.line,
                          equation_->location.column));
}

ArrayId Lowering::array(const ir::Atom& atom) {
  const Frame& frame = frames_.back();
  if (frame.builder != nullptr) fail("is not elementwise; a function of scalars may hold elementwise equations only");
  if (const auto* variable = std::get_if<ir::Variable>(&atom)) {
    const std::optional<ArrayId>& value = frame.arrays.at(variable->index);
    if (!value) throw InternalError("lower: a variable is used before it is assigned");
    return *value;
  }
  const auto& literal = std::get<ir::Literal>(atom);
  if (!is_complex(literal.type.dtype)) return fill(constant(literal), storage_shape(literal.type));
  return generate(storage_shape(literal.type), [&](RegionBuilder& builder, std::span<const OpId> axes) {
    return element(builder, literal, at(axes));
  });
}

std::vector<ArrayId> Lowering::arrays(std::span<const ir::Atom> atoms) {
  std::vector<ArrayId> values;
  for (const ir::Atom& atom : atoms) values.push_back(array(atom));
  return values;
}

OpId Lowering::element(RegionBuilder& builder, const ir::Atom& atom, std::vector<Index> indices) {
  const auto* literal = std::get_if<ir::Literal>(&atom);
  if (literal == nullptr) return read(builder, array(atom), std::move(indices));
  const OpId real = builder.constant(constant(*literal));
  if (!is_complex(literal->type.dtype)) return real;
  const OpId imaginary = builder.constant(constant(*literal, 1));
  const Index& part = indices.back();
  if (part.terms.empty()) return part.offset == 0 ? real : imaginary;
  return builder.select(builder.binary(Opcode::eq, builder.materialize(part), builder.integer(DType::i64, 0)), real,
                        imaginary);
}

void Lowering::define(ir::Variable variable, ArrayId value) {
  Frame& frame = frames_.back();
  const Type& type = frame.jaxpr->type(variable);
  if (dtype(value) != storage_dtype(type.dtype) || shape(value) != storage_shape(type))
    throw InternalError(fmt::format("lower: {} is defined with a value of {}{}", to_string(type), name(dtype(value)),
                                    to_string(shape(value))));
  frame.arrays.at(variable.index) = value;
}

ir::ScalarConstant Lowering::constant(const ir::Literal& literal, int part) const {
  if (std::holds_alternative<ir::Literal::Opaque>(literal.value))
    fail("has an array literal whose values the text does not hold; export the program with its constants");
  return storage_constant(literal, part);
}

// ---- Arrays and nodes.

ArrayId Lowering::new_array(DType dtype, Shape shape) {
  byte_count(Type{dtype, shape});
  program_.arrays.push_back({dtype, std::move(shape)});
  owner_.push_back(0);
  return static_cast<ArrayId>(program_.arrays.size() - 1);
}

std::uint64_t Lowering::function(std::string_view name) {
  if (const auto known = functions_.find(name); known != functions_.end()) return known->second;
  const std::uint64_t number = add_function(program_, name);
  functions_.emplace(name, number);
  return number;
}

OpId Lowering::call(RegionBuilder& builder, std::string_view name, std::vector<OpId> arguments) {
  const std::uint64_t number = function(name);
  const ir::Region& region = program_.functions[number].region;
  return builder.call(region.ops[region.results.at(0)].dtype, number, std::move(arguments));
}

OpId Lowering::read(RegionBuilder& builder, ArrayId array, std::vector<Index> indices) const {
  if (indices.size() != shape(array).size()) throw InternalError("lower: a read needs one index per dimension");
  return builder.read(dtype(array), array, std::move(indices));
}

OpId Lowering::read(RegionBuilder& builder, ArrayId array, std::span<const OpId> indices) const {
  return read(builder, array, at(indices));
}

OpId Lowering::read(RegionBuilder& builder, ArrayId array, std::initializer_list<OpId> indices) const {
  return read(builder, array, at(std::span(indices.begin(), indices.size())));
}

OpId Lowering::read_scalar(RegionBuilder& builder, ArrayId array) const {
  return read(builder, array, std::vector<Index>{});
}

// ---- Nests.

namespace {

std::vector<OpId> add_axes(ir::Nest& nest, RegionBuilder& builder, const Shape& shape, ir::AxisKind kind) {
  std::vector<OpId> ops;
  for (std::int64_t extent : shape) {
    ops.push_back(builder.axis(static_cast<int>(nest.axes.size())));
    nest.axes.push_back({extent, kind});
  }
  return ops;
}

}  // namespace

ArrayId Lowering::map(const Shape& shape, std::span<const ArrayId> operands, const Elementwise& body) {
  return generate(shape, [&](RegionBuilder& builder, std::span<const OpId> axes) {
    std::vector<OpId> values;
    for (ArrayId operand : operands)
      values.push_back(this->shape(operand).empty() ? read_scalar(builder, operand) : read(builder, operand, axes));
    return body(builder, values);
  });
}

ArrayId Lowering::map(const Shape& shape, std::initializer_list<ArrayId> operands, const Elementwise& body) {
  return map(shape, std::span(operands.begin(), operands.size()), body);
}

ArrayId Lowering::generate(const Shape& shape, const Pointwise& body) {
  ir::Nest nest;
  RegionBuilder builder;
  const std::vector<OpId> axes = add_axes(nest, builder, shape, ir::AxisKind::parallel);
  const OpId value = body(builder, axes);
  ir::NestOutput output;
  output.result = new_array(builder.dtype(value), shape);
  output.indices = at(axes);
  nest.body = builder.finish({value});
  const ArrayId result = output.result;
  nest.outputs.push_back(std::move(output));
  emit(std::move(nest));
  return result;
}

std::vector<ArrayId> Lowering::fold(const Shape& shape, const Shape& reduced, ir::Reduction reduction,
                                    const FoldedMany& body, const std::optional<Spread>& spread) {
  ir::Nest nest;
  RegionBuilder builder;
  const std::vector<OpId> axes = add_axes(nest, builder, shape, ir::AxisKind::parallel);
  const std::vector<OpId> folded = add_axes(nest, builder, reduced, ir::AxisKind::reduced);
  nest.body = builder.finish(body(builder, axes, folded));
  std::vector<ArrayId> results;
  for (const ir::ScalarConstant& initial : reduction.initial) {
    ir::NestOutput output;
    output.result = new_array(initial.dtype, spread ? spread->shape : shape);
    output.indices = spread ? spread->indices(axes) : at(axes);
    results.push_back(output.result);
    nest.outputs.push_back(std::move(output));
  }
  nest.reduction = std::move(reduction);
  emit(std::move(nest));
  return results;
}

ir::Reduction Lowering::merging(Opcode merge, DType dtype) {
  RegionBuilder step;
  const OpId accumulator = step.argument(compute_dtype(dtype));
  const OpId sum = step.binary(merge, accumulator, step.argument(compute_dtype(dtype)));
  return ir::Reduction{{identity_of(merge, dtype)}, step.finish({sum}), merge};
}

ArrayId Lowering::reduce(const Shape& shape, const Shape& reduced, Opcode merge, DType dtype, const Folded& body,
                         const std::optional<Spread>& spread) {
  const auto values = [&](RegionBuilder& builder, std::span<const OpId> axes, std::span<const OpId> folded) {
    return std::vector<OpId>{body(builder, axes, folded)};
  };
  return fold(shape, reduced, merging(merge, dtype), values, spread)[0];
}

ArrayId Lowering::update(ArrayId base, const Shape& shape, const Stored& body, std::optional<ir::Region> combine,
                         const std::function<bool(std::size_t)>& ordered) {
  ir::Nest nest;
  RegionBuilder builder;
  const std::vector<OpId> axes = add_axes(nest, builder, shape, ir::AxisKind::parallel);
  for (std::size_t k = 0; k < axes.size(); ++k)
    if (ordered && ordered(k)) nest.axes[k].kind = ir::AxisKind::ordered;
  Store store = body(builder, axes);
  ir::NestOutput output;
  output.result = new_array(dtype(base), this->shape(base));
  output.base = base;
  output.indices = std::move(store.indices);
  output.guard = store.guard;
  output.combine = std::move(combine);
  nest.body = builder.finish({store.value});
  const ArrayId result = output.result;
  nest.outputs.push_back(std::move(output));
  emit(std::move(nest));
  return result;
}

ArrayId Lowering::fill(ir::ScalarConstant value, const Shape& shape) {
  return generate(shape, [&](RegionBuilder& builder, std::span<const OpId>) { return builder.constant(value); });
}

ArrayId Lowering::table(Array values) {
  const ArrayId result = new_array(values.type().dtype, values.type().shape);
  program_.constants.push_back({result, std::move(values)});
  return result;
}

ArrayId Lowering::copy(ArrayId source) {
  return generate(Shape(shape(source)),
                  [&](RegionBuilder& builder, std::span<const OpId> axes) { return read(builder, source, axes); });
}

namespace {

/// The indices into `source` of the point `axes` of `target`, where each source dimension is a product of
/// neighbouring target dimensions.
std::optional<std::vector<Index>> split_indices(const Shape& source, const Shape& target, std::span<const OpId> axes) {
  std::vector<Index> indices;
  std::size_t next = 0;
  for (std::int64_t extent : source) {
    Index index;
    std::int64_t rest = extent;
    while (rest != 1) {
      if (next == target.size() || target[next] == 0 || rest % target[next] != 0) return std::nullopt;
      rest /= target[next];
      if (target[next] != 1) index.terms.push_back({rest, axes[next]});
      ++next;
    }
    indices.push_back(std::move(index));
  }
  for (; next < target.size(); ++next)
    if (target[next] != 1) return std::nullopt;
  return indices;
}

}  // namespace

ArrayId Lowering::reshape(ArrayId source, Shape shape) {
  const Shape from = this->shape(source);
  if (from == shape) return source;
  std::vector<OpId> numbers(shape.size());
  const bool empty = element_count(shape) == 0;
  if (!empty && split_indices(from, shape, numbers))
    return generate(shape, [&](RegionBuilder& builder, std::span<const OpId> axes) {
      return read(builder, source, *split_indices(from, shape, axes));
    });
  const ArrayId result = new_array(dtype(source), std::move(shape));
  emit(ir::Reshape{source, result});
  return result;
}

}  // namespace jaxc::compiler
