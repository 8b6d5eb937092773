// Implements substitution by walking an expression from its result to its operands.
#include "compiler/lower/substitute.h"

#include <algorithm>
#include <utility>

namespace jaxc::compiler {

namespace {

using ir::Index;
using ir::Opcode;
using ir::OpId;
using ir::Region;
using ir::RegionBuilder;
using ir::ScalarOp;

/// Products and sums modulo 2^64: an index that is out of bounds where its guard does not hold may be any number.
std::int64_t times(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

void add_term(Index& index, std::int64_t coefficient, OpId op) {
  const auto known =
      std::find_if(index.terms.begin(), index.terms.end(), [&](const Index::Term& term) { return term.op == op; });
  if (known != index.terms.end())
    known->coefficient = plus(known->coefficient, coefficient);
  else
    index.terms.push_back({coefficient, op});
}

void drop_zero_terms(Index& index) {
  std::erase_if(index.terms, [](const Index::Term& term) { return term.coefficient == 0; });
}

class Substitution {
 public:
  Substitution(RegionBuilder& builder, const Region& body, const std::vector<Index>& point, std::optional<OpId> guard)
      : builder_(builder), body_(body), point_(point), guard_(guard), numbers_(body.ops.size()) {}

  OpId op(OpId id) {
    if (!numbers_[id]) numbers_[id] = write(body_.ops[id]);
    return *numbers_[id];
  }

 private:
  OpId write(const ScalarOp& original) {
    if (original.opcode == Opcode::axis) return builder_.materialize(point_[original.immediate]);
    ScalarOp copy = original;
    for (OpId& argument : copy.arguments) argument = op(argument);
    for (Index& index : copy.indices) index = composed(index);
    if (copy.opcode != Opcode::read || !guard_) return append_folded(builder_, std::move(copy));
    if (copy.arguments.empty())
      copy.arguments = {*guard_, builder_.constant({copy.dtype, 0})};
    else
      copy.arguments[0] = builder_.binary(Opcode::bit_and, *guard_, copy.arguments[0]);
    return append_folded(builder_, std::move(copy));
  }

  Index composed(const Index& index) {
    Index result{index.offset, {}};
    for (const Index::Term& term : index.terms) {
      const ScalarOp& source = body_.ops[term.op];
      if (source.opcode == Opcode::axis) {
        const Index& position = point_[source.immediate];
        result.offset = plus(result.offset, times(term.coefficient, position.offset));
        for (const Index::Term& inner : position.terms)
          add_term(result, times(term.coefficient, inner.coefficient), inner.op);
        continue;
      }
      const OpId value = op(term.op);
      const ScalarOp& written = builder_.op(value);
      if (written.opcode == Opcode::constant)
        result.offset = plus(result.offset, times(term.coefficient, static_cast<std::int64_t>(written.immediate)));
      else
        add_term(result, term.coefficient, value);
    }
    drop_zero_terms(result);
    return result;
  }

  RegionBuilder& builder_;
  const Region& body_;
  const std::vector<Index>& point_;
  std::optional<OpId> guard_;
  std::vector<std::optional<OpId>> numbers_;
};

std::optional<std::uint64_t> folded(Opcode opcode, std::uint64_t a, std::uint64_t b, DType dtype) {
  const auto x = static_cast<std::int64_t>(a);
  const auto y = static_cast<std::int64_t>(b);
  const bool boolean = dtype == DType::boolean;
  switch (opcode) {
    case Opcode::add:
      return boolean ? std::nullopt : std::optional(a + b);
    case Opcode::sub:
      return boolean ? std::nullopt : std::optional(a - b);
    case Opcode::mul:
      return a * b;
    case Opcode::min:
      return static_cast<std::uint64_t>(std::min(x, y));
    case Opcode::max:
      return static_cast<std::uint64_t>(std::max(x, y));
    case Opcode::bit_and:
      return a & b;
    case Opcode::bit_or:
      return a | b;
    case Opcode::eq:
      return a == b ? 1 : 0;
    case Opcode::ne:
      return a != b ? 1 : 0;
    case Opcode::lt:
      return x < y ? 1 : 0;
    case Opcode::le:
      return x <= y ? 1 : 0;
    default:
      return std::nullopt;
  }
}

}  // namespace

OpId append_folded(RegionBuilder& builder, ScalarOp op) {
  const auto constant = [&](std::size_t k) -> const ScalarOp* {
    const ScalarOp& operand = builder.op(op.arguments[k]);
    return operand.opcode == Opcode::constant ? &operand : nullptr;
  };
  if (op.opcode == Opcode::select) return builder.select(op.arguments[0], op.arguments[1], op.arguments[2]);
  if (op.opcode == Opcode::read && !op.arguments.empty())
    return builder.read(op.dtype, op.array, std::move(op.indices), op.arguments[0], op.arguments[1]);
  if (op.opcode == Opcode::convert && is_integer(op.dtype))
    if (const ScalarOp* operand = constant(0); operand != nullptr && operand->dtype == DType::i64)
      return builder.integer(op.dtype, static_cast<std::int64_t>(operand->immediate));
  if (op.opcode == Opcode::bit_not && op.dtype == DType::boolean)
    if (const ScalarOp* operand = constant(0)) return builder.boolean(operand->immediate == 0);
  if (op.arguments.size() == 2 && ir::arity(op.opcode) == 2) {
    const ScalarOp* a = constant(0);
    const ScalarOp* b = constant(1);
    const DType dtype = builder.dtype(op.arguments[0]);
    if (dtype == DType::boolean && (op.opcode == Opcode::bit_and || op.opcode == Opcode::bit_or)) {
      const bool is_and = op.opcode == Opcode::bit_and;
      if (a != nullptr) return (a->immediate != 0) == is_and ? op.arguments[1] : op.arguments[0];
      if (b != nullptr) return (b->immediate != 0) == is_and ? op.arguments[0] : op.arguments[1];
      if (op.arguments[0] == op.arguments[1]) return op.arguments[0];
    }
    if (a != nullptr && b != nullptr && (dtype == DType::i64 || dtype == DType::boolean))
      if (const auto bits = folded(op.opcode, a->immediate, b->immediate, dtype))
        return builder.constant({op.dtype, *bits});
  }
  return builder.append(std::move(op));
}

OpId substitute(RegionBuilder& builder, const Region& body, const std::vector<Index>& point,
                std::optional<OpId> guard) {
  return Substitution(builder, body, point, guard).op(body.results.at(0));
}

void drop_dead_operations(ir::Nest& nest) {
  std::vector<bool> live(nest.body.ops.size());
  const auto mark_index = [&](const Index& index) {
    for (const Index::Term& term : index.terms) live[term.op] = true;
  };
  for (OpId result : nest.body.results) live[result] = true;
  for (const ir::NestOutput& output : nest.outputs) {
    for (const Index& index : output.indices) mark_index(index);
    if (output.guard) live[*output.guard] = true;
  }
  for (std::size_t k = nest.body.ops.size(); k-- > 0;) {
    if (!live[k]) continue;
    for (OpId argument : nest.body.ops[k].arguments) live[argument] = true;
    for (const Index& index : nest.body.ops[k].indices) mark_index(index);
  }
  std::vector<OpId> numbers(live.size());
  std::vector<ScalarOp> kept;
  const auto renumber = [&](Index& index) {
    for (Index::Term& term : index.terms) term.op = numbers[term.op];
  };
  for (std::size_t k = 0; k < live.size(); ++k) {
    if (!live[k]) continue;
    ScalarOp op = std::move(nest.body.ops[k]);
    for (OpId& argument : op.arguments) argument = numbers[argument];
    for (Index& index : op.indices) renumber(index);
    numbers[k] = static_cast<OpId>(kept.size());
    kept.push_back(std::move(op));
  }
  nest.body.ops = std::move(kept);
  for (OpId& result : nest.body.results) result = numbers[result];
  for (ir::NestOutput& output : nest.outputs) {
    for (Index& index : output.indices) renumber(index);
    if (output.guard) output.guard = numbers[*output.guard];
  }
}

}  // namespace jaxc::compiler
