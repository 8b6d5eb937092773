// Emits loops over time: carries as phis or in memory, slices in place, lanes outside, steps inside.
#include <fmt/format.h>

#include "backends/llvm/program.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

using llvm::Value;

namespace {

/// Emits the steps of one loop; lives while the loop is emitted.
class StepsEmitter {
 public:
  /// `first` (or null: 0) is where a part of the steps begins, of a loop whose steps do not depend on each other.
  StepsEmitter(Code& code, Arrays& arrays, Forms& forms, Mover& mover, const ir::Node& node, const ir::Loop& loop,
               const ir::LoopPlan& plan, Value* first, llvm::function_ref<void(const ir::Block&)> block)
      : code_(code),
        arrays_(arrays),
        forms_(forms),
        mover_(mover),
        node_(node),
        loop_(loop),
        plan_(plan),
        first_(first),
        block_(block) {
    for (std::size_t k = 0; k < loop.carries.size(); ++k) {
      const ir::BufferId argument = arrays.placement(loop.carries[k].argument).buffer;
      const ir::BufferId next = arrays.placement(loop.carries[k].next).buffer;
      if (plan.carries.at(k) == ir::CarryMode::doubled && argument != next &&
          !arrays.in_registers(loop.carries[k].argument))
        doubled_.push_back({k, arrays.buffer_state(argument), arrays.buffer_state(next)});
    }
  }

  void emit() {
    std::vector<Mover::Move> moves;
    for (const ir::Carry& carry : loop_.carries) moves.push_back({carry.initial, carry.argument});
    mover_.move_all(moves);
    if (loop_.trip_count == 0 && !loop_.condition) return finish(0);
    if (loop_.condition)
      emit_while();
    else if (plan_.unrolled)
      for (std::int64_t step = 0; step < loop_.trip_count; ++step) {
        emit_step(code_.integer(position(step)));
        set_carried(carried_after_step(), true);
        if (step + 1 < loop_.trip_count) swap_doubled();
      }
    else
      emit_counted();
    arrays_.clear_position(node_.id);
    if (!loop_.condition) finish(loop_.trip_count);
  }

 private:
  struct Doubled {
    std::size_t carry;
    Arrays::BufferState argument;
    Arrays::BufferState next;
  };

  std::int64_t position(std::int64_t step) const { return loop_.reverse ? loop_.trip_count - 1 - step : step; }

  /// Values that cross the back edge: pieces of carries in registers, then the pointers of doubled buffers.
  Values carried_before() {
    Values values;
    for (const ir::Carry& carry : loop_.carries)
      if (arrays_.in_registers(carry.argument))
        values.append(forms_.flatten(carry.argument, forms_.form(carry.argument)));
    for (const Doubled& doubled : doubled_) {
      values.push_back(doubled.argument.pointer);
      values.push_back(doubled.next.pointer);
    }
    return values;
  }

  Values carried_after_step() {
    Values values;
    for (const ir::Carry& carry : loop_.carries) {
      if (!arrays_.in_registers(carry.argument)) continue;
      const RegisterForm& form = forms_.form(carry.argument);
      if (arrays_.in_registers(carry.next) && arrays_.per_lane(carry.next) == arrays_.per_lane(carry.argument)) {
        values.append(forms_.flatten(carry.next, form));
      } else {
        const RegisterArray kept = arrays_.registers(carry.argument);
        mover_.move(carry.next, carry.argument);
        values.append(forms_.flatten(carry.argument, form));
        arrays_.registers(carry.argument) = kept;
      }
    }
    move_memory_carries();
    for (const Doubled& doubled : doubled_) {
      values.push_back(arrays_.buffer_pointer(doubled.next.buffer));
      values.push_back(arrays_.buffer_pointer(doubled.argument.buffer));
    }
    return values;
  }

  void set_carried(llvm::ArrayRef<Value*> values, bool registers_only = false) {
    for (const ir::Carry& carry : loop_.carries) {
      if (!arrays_.in_registers(carry.argument)) continue;
      const RegisterForm& form = forms_.form(carry.argument);
      forms_.unflatten(carry.argument, form, values.take_front(form.size()));
      values = values.drop_front(form.size());
    }
    if (registers_only) return;
    for (const Doubled& doubled : doubled_) {
      arrays_.set_buffer_pointer(doubled.argument.buffer, values[0]);
      arrays_.set_buffer_pointer(doubled.next.buffer, values[1]);
      values = values.drop_front(2);
    }
  }

  void swap_doubled() {
    for (const Doubled& doubled : doubled_) {
      Value* argument = arrays_.buffer_pointer(doubled.argument.buffer);
      Value* next = arrays_.buffer_pointer(doubled.next.buffer);
      arrays_.set_buffer_pointer(doubled.argument.buffer, next);
      arrays_.set_buffer_pointer(doubled.next.buffer, argument);
    }
  }

  void emit_step(Value* position) {
    arrays_.set_position(node_.id, position);
    arrays_.set_scalar(loop_.position, position);
    if (arrays_.in_registers(loop_.position)) arrays_.registers(loop_.position) = {Piece{position, -1}};
    for (const ir::StackedInput& input : loop_.inputs) mover_.slice_in(node_, input);
    block_(loop_.body);
    for (const ir::StackedOutput& output : loop_.outputs) mover_.slice_out(node_, output);
  }

  void emit_counted() {
    Values carried = carried_before();
    code_.counted_loop("step", loop_.trip_count, carried, [&](Value* step) {
      set_carried(carried);
      if (first_ != nullptr) {
        emit_step(code_.builder.CreateAdd(first_, step));
        return;
      }
      emit_step(loop_.reverse ? code_.builder.CreateSub(code_.integer(loop_.trip_count - 1), step) : step);
      carried = carried_after_step();
    });
    set_carried(carried, true);
  }

  void emit_while() {
    llvm::IRBuilder<>& builder = code_.builder;
    Values carried = carried_before();
    llvm::BasicBlock* before = builder.GetInsertBlock();
    llvm::BasicBlock* header = code_.new_block("while");
    builder.CreateBr(header);
    builder.SetInsertPoint(header);
    llvm::PHINode* step = builder.CreatePHI(builder.getInt64Ty(), 2);
    step->addIncoming(code_.integer(0), before);
    llvm::SmallVector<llvm::PHINode*, 8> phis;
    for (Value*& value : carried) {
      phis.push_back(builder.CreatePHI(value->getType(), 2));
      phis.back()->addIncoming(value, before);
      value = phis.back();
    }
    set_carried(carried);
    block_(*loop_.condition);
    Value* condition = arrays_.load_scalar(loop_.condition->results[0]);
    if (is_vector(condition)) throw InternalError("cpu: a loop whose condition differs between lanes");
    llvm::BasicBlock* body = code_.new_block("step");
    llvm::BasicBlock* after = code_.new_block("after");
    builder.CreateCondBr(condition, body, after);
    builder.SetInsertPoint(body);
    emit_step(step);
    const Values next = carried_after_step();
    llvm::BasicBlock* latch = builder.GetInsertBlock();
    step->addIncoming(builder.CreateAdd(step, code_.integer(1)), latch);
    for (std::size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(next[k], latch);
    builder.CreateBr(header);
    builder.SetInsertPoint(after);
    set_carried(carried, true);
    finish_while(llvm::ArrayRef<Value*>(carried).take_back(2 * doubled_.size()));
  }

  /// Results after a number of steps that is known: doubled carries are where its parity says.
  void finish(std::int64_t steps) {
    for (const Doubled& doubled : doubled_) {
      arrays_.restore(doubled.argument);
      arrays_.restore(doubled.next);
    }
    std::vector<Mover::Move> moves;
    for (std::size_t k = 0; k < loop_.carries.size(); ++k) {
      const ir::Carry& carry = loop_.carries[k];
      const bool elsewhere = steps % 2 == 1 && std::any_of(doubled_.begin(), doubled_.end(),
                                                           [&](const Doubled& doubled) { return doubled.carry == k; });
      moves.push_back({elsewhere ? carry.next : carry.argument, carry.result});
    }
    mover_.move_all(moves);
  }

  /// Results after a number of steps that is not: doubled carries first return to their own buffer.
  void finish_while(llvm::ArrayRef<Value*> pointers) {
    for (const Doubled& doubled : doubled_) {
      arrays_.restore(doubled.argument);
      arrays_.restore(doubled.next);
      const ir::Carry& carry = loop_.carries[doubled.carry];
      Values none;
      code_.when(code_.builder.CreateICmpNE(pointers[0], doubled.argument.pointer), none,
                 [&] { mover_.move(carry.next, carry.argument); });
      pointers = pointers.drop_front(2);
    }
    std::vector<Mover::Move> moves;
    for (const ir::Carry& carry : loop_.carries) moves.push_back({carry.argument, carry.result});
    mover_.move_all(moves);
  }

  /// argument = next for carries in memory.
  void move_memory_carries() {
    std::vector<Mover::Move> moves;
    for (std::size_t k = 0; k < loop_.carries.size(); ++k) {
      const ir::Carry& carry = loop_.carries[k];
      const bool trades =
          std::any_of(doubled_.begin(), doubled_.end(), [&](const Doubled& doubled) { return doubled.carry == k; });
      if (!trades && !arrays_.in_registers(carry.argument)) moves.push_back({carry.next, carry.argument});
    }
    mover_.move_all(moves);
  }

  Code& code_;
  Arrays& arrays_;
  Forms& forms_;
  Mover& mover_;
  const ir::Node& node_;
  const ir::Loop& loop_;
  const ir::LoopPlan& plan_;
  Value* first_;
  llvm::function_ref<void(const ir::Block&)> block_;
  std::vector<Doubled> doubled_;
};

/// The arrays that a loop assigns, for itself or for others, by number.
std::vector<bool> arrays_inside(const ir::Node& loop, std::size_t count) {
  std::vector<bool> inside(count, false);
  const auto visit = [&](const ir::Node& node) {
    for (ir::ArrayId array : ir::arrays_assigned(node)) inside[array] = true;
    const auto* nested = std::get_if<ir::Loop>(&node.kind);
    if (nested == nullptr) return;
    inside[nested->position] = true;
    for (const ir::Carry& carry : nested->carries) inside[carry.argument] = true;
    for (const ir::StackedInput& input : nested->inputs) inside[input.argument] = true;
  };
  visit(loop);
  const auto& whole = std::get<ir::Loop>(loop.kind);
  if (whole.condition) ir::visit_nodes(*whole.condition, visit);
  ir::visit_nodes(whole.body, visit);
  return inside;
}

}  // namespace

void ProgramEmitter::loop(const ir::Node& node, const ir::Loop& loop) {
  const auto found = code_.plan.loops.find(node.id);
  if (found == code_.plan.loops.end()) throw InternalError(fmt::format("cpu: loop {} has no plan", node.id));
  if (found->second.lane_extents.empty()) {
    if (!found->second.lane_threads) return loop_steps(node, loop, found->second, nullptr);
    return in_runs(loop.trip_count, found->second.lane_run, {}, [&](std::int64_t count, Value* begin) {
      ir::Loop part = loop;
      part.trip_count = count;
      loop_steps(node, part, found->second, begin);
    });
  }
  if (arrays_.loop_lanes != nullptr) throw InternalError("cpu: a loop run in lanes inside another one");
  const ir::LoopPlan& plan = found->second;
  const auto run = [&](std::int64_t extent, Value* begin) {
    LoopLanes lanes;
    lanes.axes.resize(plan.lane_extents.size());
    lanes.inside = arrays_inside(node, code_.program.arrays.size());
    lanes.steps = loop.condition ? 0 : loop.trip_count;
    arrays_.loop_lanes = &lanes;
    loop_in_lanes(node, loop, plan, 0, {extent, begin}, lanes);
    arrays_.loop_lanes = nullptr;
  };
  const std::int64_t extent = plan.lane_extents[0];
  if (!plan.lane_threads) return run(extent, nullptr);
  const std::int64_t width = plan.lane_extents.size() == 1 ? std::max(plan.lane_width, 1) : 1;
  in_runs(extent, plan.lane_run * width, {}, run);
}

void ProgramEmitter::loop_in_lanes(const ir::Node& node, const ir::Loop& loop, const ir::LoopPlan& plan,
                                   std::size_t axis, LaneRun run, LoopLanes& lanes) {
  const std::int64_t extent = run.extent;
  if (extent == 0) return;
  const bool last = axis + 1 == plan.lane_extents.size();
  const std::int64_t width = last ? std::max(plan.lane_width, 1) : 1;
  // `count` lanes from `base` on, in a vector of the next power of two.
  const auto tile = [&](Value* base, std::int64_t count) {
    std::vector<std::vector<std::int64_t>> offsets;
    lanes.axes[axis] = {base, {}, run.begin};
    if (last) {
      lanes.lanes = spread({count}, offsets);
      if (lanes.lanes.width > 1) lanes.axes[axis].offsets = offsets[0];
      if (lanes.lanes.valid < lanes.lanes.width)
        lanes.lanes.mask = code_.first_lanes(lanes.lanes.valid, lanes.lanes.width);
    }
    if (!last) return loop_in_lanes(node, loop, plan, axis + 1, {plan.lane_extents[axis + 1], nullptr}, lanes);
    lanes.begin = code_.new_block("lanes");
    llvm::BasicBlock* steps = code_.new_block("steps");
    code_.builder.CreateBr(lanes.begin);
    code_.builder.SetInsertPoint(lanes.begin);
    code_.builder.CreateBr(steps);
    code_.builder.SetInsertPoint(steps);
    lanes.invariants.clear();
    loop_steps(node, loop, plan, nullptr);
  };
  const std::int64_t full = extent / width;
  if (full == 1) tile(code_.integer(0), width);
  if (full > 1) {
    Values none;
    code_.counted_loop("tile", full, none,
                       [&](Value* number) { tile(code_.builder.CreateMul(number, code_.integer(width)), width); });
  }
  if (extent % width != 0) tile(code_.integer(full * width), extent % width);
}

void ProgramEmitter::loop_steps(const ir::Node& node, const ir::Loop& loop, const ir::LoopPlan& plan, Value* first) {
  ++depth_;
  StepsEmitter(code_, arrays_, forms_, mover_, node, loop, plan, first, [this](const ir::Block& inner) {
    block(inner);
  }).emit();
  if (--depth_ > 0) return;
  const std::vector<ir::ArrayId> assigned = ir::arrays_assigned(node);
  if (std::any_of(assigned.begin(), assigned.end(), [&](ir::ArrayId array) { return arrays_.is_streamed(array); }))
    arrays_.finish_streams();
}

}  // namespace jaxc::cpu
