// Implements RegionBuilder by value numbering over a hash of each operation.
#include "ir/region_builder.h"

#include <fmt/format.h>

#include <utility>

#include "jaxc/error.h"

namespace jaxc::ir {

namespace {

void combine(std::size_t& hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
}

std::size_t hash_of(const ScalarOp& op) {
  std::size_t hash = static_cast<std::size_t>(op.opcode) * 64 + static_cast<std::size_t>(op.dtype);
  combine(hash, op.immediate);
  combine(hash, op.array);
  for (OpId argument : op.arguments) combine(hash, argument);
  for (const Index& index : op.indices) {
    combine(hash, static_cast<std::uint64_t>(index.offset));
    for (const Index::Term& term : index.terms) {
      combine(hash, static_cast<std::uint64_t>(term.coefficient));
      combine(hash, term.op);
    }
  }
  return hash;
}

void require(bool holds, Opcode opcode, std::string_view rule) {
  if (!holds) throw InternalError(fmt::format("{}: {}", name(opcode), rule));
}

ScalarOp operation(Opcode opcode, DType dtype, std::vector<OpId> arguments = {}, std::uint64_t immediate = 0) {
  ScalarOp op;
  op.opcode = opcode;
  op.dtype = dtype;
  op.arguments = std::move(arguments);
  op.immediate = immediate;
  return op;
}

}  // namespace

OpId RegionBuilder::append(ScalarOp op) {
  const std::size_t hash = hash_of(op);
  const bool shareable = op.opcode != Opcode::argument && op.regions.empty();
  if (shareable) {
    auto [first, last] = known_.equal_range(hash);
    for (auto it = first; it != last; ++it)
      if (region_.ops[it->second] == op) return it->second;
  }
  const OpId id = static_cast<OpId>(region_.ops.size());
  if (shareable) known_.emplace(hash, id);
  region_.ops.push_back(std::move(op));
  return id;
}

OpId RegionBuilder::constant(ScalarConstant value) {
  return append(operation(Opcode::constant, value.dtype, {}, value.bits));
}

OpId RegionBuilder::axis(int number) {
  return append(operation(Opcode::axis, DType::i64, {}, static_cast<std::uint64_t>(number)));
}

OpId RegionBuilder::argument(DType dtype) {
  region_.arguments.push_back(dtype);
  return append(operation(Opcode::argument, dtype, {}, region_.arguments.size() - 1));
}

OpId RegionBuilder::read(DType dtype, ArrayId array, std::vector<Index> indices) {
  ScalarOp op = operation(Opcode::read, dtype);
  op.array = array;
  op.indices = std::move(indices);
  return append(std::move(op));
}

OpId RegionBuilder::read(DType dtype, ArrayId array, std::vector<Index> indices, OpId guard, OpId fallback) {
  require(this->dtype(guard) == DType::boolean && this->dtype(fallback) == dtype, Opcode::read,
          "the guard is boolean and the fallback has the element's type");
  const ScalarOp& condition = op(guard);
  if (condition.opcode == Opcode::constant)
    return condition.immediate != 0 ? read(dtype, array, std::move(indices)) : fallback;
  ScalarOp op = operation(Opcode::read, dtype, {guard, fallback});
  op.array = array;
  op.indices = std::move(indices);
  return append(std::move(op));
}

OpId RegionBuilder::unary(Opcode opcode, OpId operand) {
  require(arity(opcode) == 1, opcode, "takes one operand");
  const DType result = is_comparison(opcode) ? DType::boolean : dtype(operand);
  return append(operation(opcode, result, {operand}));
}

OpId RegionBuilder::binary(Opcode opcode, OpId left, OpId right) {
  require(arity(opcode) == 2, opcode, "takes two operands");
  require(dtype(left) == dtype(right), opcode, "operands have one type");
  const DType result = is_comparison(opcode) ? DType::boolean : dtype(left);
  return append(operation(opcode, result, {left, right}));
}

OpId RegionBuilder::select(OpId condition, OpId when_true, OpId when_false) {
  require(dtype(condition) == DType::boolean && dtype(when_true) == dtype(when_false), Opcode::select,
          "takes a boolean and two operands of one type");
  if (when_true == when_false) return when_true;
  const ScalarOp& op = region_.ops[condition];
  if (op.opcode == Opcode::constant) return op.immediate != 0 ? when_true : when_false;
  return append(operation(Opcode::select, dtype(when_true), {condition, when_true, when_false}));
}

OpId RegionBuilder::mul_add(OpId factor, OpId other_factor, OpId addend) {
  return append(operation(Opcode::mul_add, dtype(addend), {factor, other_factor, addend}));
}

OpId RegionBuilder::fma(OpId factor, OpId other_factor, OpId addend) {
  return append(operation(Opcode::fma, dtype(addend), {factor, other_factor, addend}));
}

OpId RegionBuilder::convert(DType dtype, OpId operand) {
  if (this->dtype(operand) == dtype) return operand;
  return append(operation(Opcode::convert, dtype, {operand}));
}

OpId RegionBuilder::bitcast(DType dtype, OpId operand) {
  if (this->dtype(operand) == dtype) return operand;
  require(element_bytes(dtype) == element_bytes(this->dtype(operand)), Opcode::bitcast, "widths are equal");
  return append(operation(Opcode::bitcast, dtype, {operand}));
}

OpId RegionBuilder::call(DType dtype, std::uint64_t function, std::vector<OpId> arguments) {
  return append(operation(Opcode::call, dtype, std::move(arguments), function));
}

std::vector<OpId> RegionBuilder::branch(OpId condition, std::span<const OpId> arguments, Region when_true,
                                        Region when_false) {
  require(when_true.results.size() == when_false.results.size(), Opcode::branch, "regions have as many results");
  std::vector<DType> types;
  for (OpId result : when_true.results) types.push_back(when_true.ops[result].dtype);
  ScalarOp op = operation(Opcode::branch, types.at(0), {condition});
  op.arguments.insert(op.arguments.end(), arguments.begin(), arguments.end());
  op.regions = {std::move(when_true), std::move(when_false)};
  const OpId id = append(std::move(op));
  std::vector<OpId> results;
  for (std::size_t k = 0; k < types.size(); ++k)
    results.push_back(append(operation(Opcode::element, types[k], {id}, k)));
  return results;
}

std::vector<OpId> RegionBuilder::repeat(std::uint64_t bound, std::span<const OpId> arguments, Region condition,
                                        Region body) {
  require(body.results.size() == arguments.size(), Opcode::repeat, "the body gives as many values as it takes");
  std::vector<DType> types;
  for (OpId argument : arguments) types.push_back(dtype(argument));
  ScalarOp op = operation(Opcode::repeat, types.at(0), std::vector<OpId>(arguments.begin(), arguments.end()), bound);
  op.regions = {std::move(condition), std::move(body)};
  const OpId id = append(std::move(op));
  std::vector<OpId> results;
  for (std::size_t k = 0; k < types.size(); ++k)
    results.push_back(append(operation(Opcode::element, types[k], {id}, k)));
  return results;
}

OpId RegionBuilder::materialize(const Index& index) {
  std::optional<OpId> sum;
  for (const Index::Term& term : index.terms) {
    OpId value = term.op;
    if (term.coefficient != 1) value = binary(Opcode::mul, value, integer(DType::i64, term.coefficient));
    sum = sum ? binary(Opcode::add, *sum, value) : value;
  }
  if (!sum) return integer(DType::i64, index.offset);
  return index.offset == 0 ? *sum : binary(Opcode::add, *sum, integer(DType::i64, index.offset));
}

Region RegionBuilder::finish(std::vector<OpId> results) {
  region_.results = std::move(results);
  known_.clear();
  return std::exchange(region_, Region{});
}

}  // namespace jaxc::ir
