// Index arithmetic in 32 bits, where the extents of axes prove that it fits.
#include <limits>

#include "backends/spirv/scalar_code.h"
#include "jaxc/error.h"

namespace jaxc::spirv {

using ir::Opcode;
using ir::ScalarOp;

namespace {

constexpr std::int64_t narrow_low = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t narrow_high = std::numeric_limits<std::int32_t>::max();

/// The bounds of an operation on bounded operands (themselves within 32 bits); nothing for other operations.
std::optional<std::pair<std::int64_t, std::int64_t>> bounds(Opcode opcode, const Narrow& a, const Narrow& b) {
  switch (opcode) {
    case Opcode::add:
      return std::pair(a.low + b.low, a.high + b.high);
    case Opcode::sub:
      return std::pair(a.low - b.high, a.high - b.low);
    case Opcode::mul: {
      const auto [low, high] = std::minmax({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high});
      return std::pair(low, high);
    }
    case Opcode::min:
      return std::pair(std::min(a.low, b.low), std::min(a.high, b.high));
    case Opcode::max:
      return std::pair(std::max(a.low, b.low), std::max(a.high, b.high));
    case Opcode::div:
      if (b.low <= 0) return std::nullopt;
      return std::pair(std::min<std::int64_t>(a.low, 0), std::max<std::int64_t>(a.high, 0));
    case Opcode::rem:
      if (b.low <= 0) return std::nullopt;
      return std::pair(a.low < 0 ? 1 - b.high : 0, b.high - 1);
    default:
      return std::nullopt;
  }
}

}  // namespace

bool ScalarCode::emit_narrow(RegionValues& scope, ir::OpId id, const Hooks& hooks) {
  const ScalarOp& op = scope.region->ops[id];
  const auto operand = [&](std::size_t i) -> std::optional<Narrow>& { return scope.narrow[op.arguments[i]]; };
  if (ir::is_comparison(op.opcode) && op.opcode != Opcode::is_nan) {
    if (scope.region->ops[op.arguments[0]].dtype != DType::i64 || !operand(0) || !operand(1)) return false;
    const std::vector<Value> values{operand(0)->value, operand(1)->value};
    scope.values[id] = arithmetic_.apply(op.opcode, DType::boolean, DType::i32, values);
    return true;
  }
  if (op.dtype != DType::i64) return false;
  std::optional<Narrow>& result = scope.narrow[id];
  if (op.opcode == Opcode::constant) {
    const auto number = static_cast<std::int64_t>(op.immediate);
    if (number < narrow_low || number > narrow_high) return false;
    result = Narrow{module_.integer(Kind::i32, number), number, number};
  } else if (op.opcode == Opcode::axis) {
    if (!hooks.axis) throw InternalError("spirv: an axis outside a nest");
    result = hooks.axis(op.immediate);
  } else if (op.opcode == Opcode::read && hooks.known) {
    result = hooks.known(op.array);
    if (!result) return false;
  } else if (op.opcode == Opcode::convert && scope.region->ops[op.arguments[0]].dtype == DType::i32) {
    result = Narrow{scope.values[op.arguments[0]], narrow_low, narrow_high};
  } else if (op.opcode == Opcode::select && operand(1) && operand(2)) {
    result = Narrow{module_.select(scope.values[op.arguments[0]], operand(1)->value, operand(2)->value),
                    std::min(operand(1)->low, operand(2)->low), std::max(operand(1)->high, operand(2)->high)};
  } else if (op.arguments.size() == 2 && op.opcode != Opcode::read && operand(0) && operand(1)) {
    const auto range = bounds(op.opcode, *operand(0), *operand(1));
    if (!range || range->first < narrow_low || range->second > narrow_high) return false;
    const std::vector<Value> values{operand(0)->value, operand(1)->value};
    result = Narrow{arithmetic_.apply(op.opcode, DType::i32, DType::i32, values), range->first, range->second};
  } else {
    return false;
  }
  scope.values[id] = module_.resize_signed(result->value, Kind::i64);
  return true;
}

}  // namespace jaxc::spirv
