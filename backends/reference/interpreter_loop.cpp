// Runs loops: steps, carries as the plan moves them, stacked slices, and loops in lanes.
#include <fmt/format.h>

#include <numeric>

#include "backends/reference/interpreter.h"
#include "jaxc/error.h"

namespace jaxc::reference {

using ir::Carry;
using ir::CarryMode;
using ir::Loop;

void Interpreter::loop(const Loop& loop, const LoopCode& code, ir::NodeId id) {
  const std::vector<std::int64_t>& extents = plan_.loops.at(id).lane_extents;
  if (extents.empty())
    steps(loop, code, id);
  else
    lanes(loop, code, id, extents);
}

// Each lane runs the whole loop before the next one starts, in random order, with private memory of its own.
void Interpreter::lanes(const Loop& loop, const LoopCode& code, ir::NodeId id,
                        const std::vector<std::int64_t>& extents) {
  if (!lane_.empty()) throw InternalError("a loop in lanes is not inside another");
  std::uint64_t count = 1;
  for (std::int64_t extent : extents) count *= static_cast<std::uint64_t>(extent);
  const Order order = random_order(count);
  const Event start = memory_.now();
  for (std::uint64_t step = 0; step < count; ++step) {
    std::uint64_t rest = order.at(step);
    lane_.assign(extents.size(), 0);
    for (std::size_t k = extents.size(); k-- > 0; rest /= static_cast<std::uint64_t>(extents[k]))
      lane_[k] = static_cast<std::int64_t>(rest % static_cast<std::uint64_t>(extents[k]));
    for (ir::BufferId buffer : code.private_buffers) memory_.poison(buffer);
    if (options_.check_races) memory_.begin_lane(start);
    steps(loop, code, id);
  }
  lane_.clear();
  memory_.end_lanes();
  for (const Carry& carry : loop.carries) memory_.assigned(carry.result);
  for (const ir::StackedOutput& output : loop.outputs) memory_.assigned(output.result);
}

void Interpreter::begin_step(const Loop& loop, const LoopCode& code, ir::NodeId id, std::int64_t position) {
  positions_[id] = position;
  memory_.begin();
  memory_.write(locate(loop.position), 0, static_cast<Value>(position));
  memory_.assigned(loop.position);
  std::vector<Move> moves;
  for (std::size_t k = 0; k < loop.inputs.size(); ++k) {
    if (!code.inputs[k]) continue;
    const ir::StackedInput& input = loop.inputs[k];
    moves.push_back({slice(input.source, input.axis, position), shape(input.argument), locate(input.argument),
                     shape(input.argument), lane_dimensions(input.argument)});
  }
  run_moves(moves);
  memory_.begin();
  for (const ir::StackedInput& input : loop.inputs) memory_.assigned(input.argument);
  for (const Carry& carry : loop.carries) memory_.assigned(carry.argument);
}

void Interpreter::end_step(const Loop& loop, const LoopCode& code, const ir::LoopPlan& plan, std::int64_t position) {
  std::vector<Move> moves;
  for (std::size_t k = 0; k < loop.outputs.size(); ++k) {
    if (!code.outputs[k]) continue;
    const ir::StackedOutput& output = loop.outputs[k];
    moves.push_back({locate(output.value), shape(output.value), slice(output.result, output.axis, position),
                     shape(output.value), lane_dimensions(output.value)});
  }
  for (std::size_t k = 0; k < loop.carries.size(); ++k) {
    const Carry& carry = loop.carries[k];
    if (plan.carries[k] == CarryMode::copied && code.next[k])
      moves.push_back(move(carry.next, carry.argument, lane_dimensions(carry.argument)));
    if (plan.carries[k] == CarryMode::in_place && code.next[k])
      throw InternalError(fmt::format("a{} is carried in place, but a{} lies elsewhere", carry.argument, carry.next));
  }
  run_moves(moves);
  for (std::size_t k = 0; k < loop.carries.size(); ++k)
    if (plan.carries[k] == CarryMode::doubled)
      memory_.trade(plan_.placements[loop.carries[k].argument].buffer, plan_.placements[loop.carries[k].next].buffer);
  memory_.begin();
  for (const Carry& carry : loop.carries) memory_.assigned(carry.argument);
}

void Interpreter::steps(const Loop& loop, const LoopCode& code, ir::NodeId id) {
  const ir::LoopPlan& plan = plan_.loops.at(id);
  std::vector<Move> moves;
  for (std::size_t k = 0; k < loop.carries.size(); ++k) {
    const Carry& carry = loop.carries[k];
    if (code.initial[k]) moves.push_back(move(carry.initial, carry.argument, lane_dimensions(carry.argument)));
  }
  run_moves(moves);
  memory_.begin();
  for (const Carry& carry : loop.carries) memory_.assigned(carry.argument);

  std::int64_t step = 0;
  for (; loop.condition || step < loop.trip_count; ++step) {
    const std::int64_t position = loop.reverse ? loop.trip_count - 1 - step : step;
    begin_step(loop, code, id, position);
    if (loop.condition) {
      block(*loop.condition);
      if (scalar(loop.condition->results[0]) == 0) break;
    }
    block(loop.body);
    end_step(loop, code, plan, position);
  }

  moves.clear();
  for (std::size_t k = 0; k < loop.carries.size(); ++k) {
    const Carry& carry = loop.carries[k];
    const bool traded = plan.carries[k] == CarryMode::doubled && step % 2 == 1;
    if (traded) memory_.trade(plan_.placements[carry.argument].buffer, plan_.placements[carry.next].buffer);
    if (!traded && !code.result[k]) continue;
    Move last = move(carry.argument, carry.result, lane_dimensions(carry.argument));
    if (traded) last.from = locate(carry.next);
    moves.push_back(std::move(last));
  }
  memory_.begin();
  for (const Carry& carry : loop.carries) memory_.assigned(carry.next);
  run_moves(moves);
  memory_.begin();
  for (const Carry& carry : loop.carries) memory_.assigned(carry.result);
  for (const ir::StackedOutput& output : loop.outputs) memory_.assigned(output.result);
}

}  // namespace jaxc::reference
