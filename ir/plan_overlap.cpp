// Checks writes against live values by a sweep over time, memory by memory.
#include "ir/plan_overlap.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/in_place.h"
#include "ir/overloaded.h"
#include "ir/placement.h"
#include "jaxc/error.h"

namespace jaxc::ir {

Footprints::Footprints(const Program& program, const Plan& plan)
    : program_(program), plan_(plan), trip_counts_(program.node_count, 1) {
  visit_nodes(program.body, [&](const Node& node) {
    if (const auto* loop = std::get_if<Loop>(&node.kind); loop != nullptr && !loop->condition)
      trip_counts_[node.id] = loop->trip_count;
  });
}

Footprint Footprints::of(ArrayId array) const {
  const Placement& placement = plan_.placements[array];
  std::int64_t low = placement.offset;
  std::int64_t high = placement.offset;
  const auto extend = [&](std::int64_t stride, std::int64_t extent) {
    const std::int64_t last = stride * (extent - 1);
    (last < 0 ? low : high) += last;
    return extent > 0;
  };
  const Shape& shape = program_.arrays[array].shape;
  for (std::size_t k = 0; k < shape.size() && k < placement.strides.size(); ++k)
    if (!extend(placement.strides[k], shape[k])) return {};
  for (const Placement::LoopStride& stride : placement.loop_strides)
    if (stride.loop < trip_counts_.size() && !extend(stride.stride, trip_counts_[stride.loop])) return {};
  const auto width = static_cast<std::int64_t>(element_bytes(program_.arrays[array].dtype));
  return {low * width, (high + 1) * width};
}

namespace {

using Moment = std::int64_t;
constexpr Moment never = -2;

struct Write {
  Moment moment = 0;
  ArrayId array = 0;
  const Node* node = nullptr;
  bool move = false;  ///< moves of one moment within a buffer read everything before they write
  Moment until = 0;   ///< a branch's end: what only its other blocks need is not needed after this block
};

// The moments of a node; a loop's steps lie strictly within.
struct Span {
  Moment begin = 0;
  Moment end = 0;
};

class OverlapVerifier {
 public:
  OverlapVerifier(const Program& program, const Plan& plan)
      : program_(program), plan_(plan), footprints_(program, plan) {
    const std::size_t count = program.arrays.size();
    defined_.assign(count, never);
    last_.assign(count, never);
    traded_until_.assign(count, never);
    loops_of_.resize(count);
    spans_.resize(program.node_count);
  }

  void run() {
    number(program_.body);
    const Moment end = clock_++;
    for (const Interface& input : program_.inputs) define(input.array, -1);
    for (const ProgramConstant& constant : program_.constants) define(constant.array, -1);
    block(program_.body);
    for (const Interface& output : program_.outputs) use(output.array, end);
    sweep();
  }

 private:
  void number(const Block& block) {
    for (const Node& node : block.nodes) {
      spans_[node.id].begin = clock_++;
      if (const auto* loop = std::get_if<Loop>(&node.kind)) {
        ++clock_;  // arguments
        if (loop->condition) number(*loop->condition);
        ++clock_;  // decision
        number(loop->body);
        clock_ += 2;  // moves at the end of a step, the next step
      } else if (const auto* branch = std::get_if<Branch>(&node.kind)) {
        for (const Block& inner : branch->blocks) {
          number(inner);
          ++clock_;  // moves at the end of a block
        }
      } else if (const auto* routine = std::get_if<Routine>(&node.kind)) {
        number(routine->expansion);
      }
      spans_[node.id].end = clock_++;
    }
  }

  static Moment after(const Block& block, Moment begin, const std::vector<Span>& spans) {
    return block.nodes.empty() ? begin + 1 : spans[block.nodes.back().id].end + 1;
  }

  void define(ArrayId array, Moment moment) {
    defined_[array] = moment;
    last_[array] = std::max(last_[array], moment);
    loops_of_[array] = loops_;
  }

  // A use in a loop that does not hold the assignment lasts beyond the moves at the end of a step, which come before
  // the next step's uses, but not until the loop's results are moved.
  void use(ArrayId array, Moment moment) {
    const std::size_t shared = loops_of_[array].size();
    if (loops_.size() > shared) moment = std::max(moment, spans_[loops_[shared]].end - 1);
    last_[array] = std::max(last_[array], moment);
  }

  void write(ArrayId array, Moment moment, const Node& node, bool move, Moment until = 0) {
    writes_.push_back({moment, array, &node, move, until});
  }

  void move(ArrayId source, ArrayId target, Moment moment, const Node& node, Moment until = 0) {
    if (!same_place(program_, plan_, source, target)) write(target, moment, node, true, until);
  }

  void block(const Block& block) {
    for (const Node& node : block.nodes)
      std::visit([&](const auto& kind) { this->kind(kind, node, spans_[node.id]); }, node.kind);
  }

  void kind(const Nest& nest, const Node& node, const Span& at) {
    for (const ScalarOp& op : nest.body.ops)
      if (op.opcode == Opcode::read) use(op.array, at.end);
    for (const NestOutput& output : nest.outputs) {
      if (output.base) use(*output.base, at.end);
      define(output.result, at.end);
      write(output.result, at.end, node, false);
    }
  }

  void kind(const Reshape& reshape, const Node& node, const Span& at) {
    use(reshape.source, at.end);
    define(reshape.result, at.end);
    if (!same_place(program_, plan_, reshape.source, reshape.result)) write(reshape.result, at.end, node, false);
  }

  void kind(const Loop& loop, const Node& node, const Span& at) {
    const LoopPlan& schedule = plan_.loops.at(node.id);
    const Moment step_end = at.end - 2;
    for (const Carry& carry : loop.carries) use(carry.initial, at.begin);
    for (const StackedOutput& output : loop.outputs) define(output.result, at.begin + 1);
    loops_.push_back(node.id);
    define(loop.position, at.begin + 1);
    write(loop.position, at.begin + 1, node, true);
    for (const Carry& carry : loop.carries) {
      define(carry.argument, at.begin + 1);
      move(carry.initial, carry.argument, at.begin + 1, node);
    }
    for (const StackedInput& input : loop.inputs) {
      use(input.source, step_end);
      define(input.argument, at.begin + 1);
      if (!is_view(program_, plan_, input.argument, input.source, input.axis, node.id))
        write(input.argument, at.begin + 1, node, true);
    }
    if (loop.condition) {
      block(*loop.condition);
      const Moment decided = after(*loop.condition, at.begin + 1, spans_);
      for (ArrayId array : loop.condition->results) use(array, decided);
      for (const Carry& carry : loop.carries) use(carry.argument, decided);
    }
    block(loop.body);
    for (std::size_t k = 0; k < loop.carries.size(); ++k) {
      const Carry& carry = loop.carries[k];
      use(carry.next, step_end);
      if (schedule.carries[k] == CarryMode::doubled) {
        // Both buffers are taken throughout. Arrays of one buffer trade places together, so that among themselves
        // they meet as in a step without trade.
        use(carry.argument, step_end);
        traded_until_[carry.next] = defined_[carry.next];
        defined_[carry.next] = std::min(defined_[carry.next], at.begin + 1);
        write(carry.argument, step_end, node, true);
      } else {
        move(carry.next, carry.argument, step_end, node);
      }
    }
    for (const StackedOutput& output : loop.outputs) {
      use(output.value, step_end);
      if (!is_view(program_, plan_, output.value, output.result, output.axis, node.id))
        write(output.result, step_end, node, true);
    }
    loops_.pop_back();
    for (const StackedOutput& output : loop.outputs) use(output.result, at.end);
    for (const Carry& carry : loop.carries) {
      define(carry.result, at.end);
      move(carry.argument, carry.result, at.end, node);
    }
  }

  void kind(const Branch& branch, const Node& node, const Span& at) {
    use(branch.index, at.begin);
    for (const Block& inner : branch.blocks) {
      block(inner);
      const Moment done = after(inner, at.begin, spans_);
      for (std::size_t k = 0; k < branch.results.size(); ++k) {
        use(inner.results[k], done);
        move(inner.results[k], branch.results[k], done, node, at.end);
      }
    }
    for (ArrayId result : branch.results) define(result, at.end);
    // Moves of one block come before those of the next one, but all results are there at the end.
    for (std::size_t k = 0; k < branch.results.size(); ++k)
      if (std::any_of(branch.blocks.begin(), branch.blocks.end(), [&](const Block& inner) {
            return !same_place(program_, plan_, inner.results[k], branch.results[k]);
          }))
        write(branch.results[k], at.end, node, true);
  }

  void kind(const Routine& routine, const Node& node, const Span& at) {
    if (runs_expansion(plan_, node.id)) {
      block(routine.expansion);
    } else {  // a library reads and writes in any order
      for (ArrayId input : routine.inputs) use(input, at.end);
      for (ArrayId output : routine.outputs) {
        define(output, at.begin);
        write(output, at.end, node, false);
      }
    }
    for (ArrayId output : routine.outputs) use(output, at.end);
  }

  struct Placed {
    std::int64_t space = 0;  ///< one for all scratch buffers, one for each other buffer
    Footprint bytes;
  };

  Placed placed(ArrayId array) const {
    const BufferId number = plan_.placements[array].buffer;
    const Buffer& buffer = plan_.buffers[number];
    Footprint bytes = footprints_.of(array);
    if (buffer.storage != Storage::scratch) return {1 + static_cast<std::int64_t>(number), bytes};
    return {0, {bytes.low + buffer.slot, bytes.high + buffer.slot}};
  }

  // Goes through the writes in time with the arrays that are live then, memory by memory.
  void sweep() {
    std::vector<std::vector<ArrayId>> by_space(plan_.buffers.size() + 1);
    std::vector<std::vector<Write>> writes_by_space(plan_.buffers.size() + 1);
    placed_.resize(program_.arrays.size());
    for (ArrayId array = 0; array < program_.arrays.size(); ++array) {
      if (defined_[array] == never) continue;
      placed_[array] = placed(array);
      by_space[static_cast<std::size_t>(placed_[array].space)].push_back(array);
    }
    for (const Write& write : writes_)
      writes_by_space[static_cast<std::size_t>(placed_[write.array].space)].push_back(write);
    for (std::size_t space = 0; space < by_space.size(); ++space) sweep(by_space[space], writes_by_space[space]);
  }

  void sweep(std::vector<ArrayId>& arrays, std::vector<Write>& writes) const {
    std::sort(arrays.begin(), arrays.end(), [&](ArrayId left, ArrayId right) {
      return std::pair(defined_[left], left) < std::pair(defined_[right], right);
    });
    std::sort(writes.begin(), writes.end(), [](const Write& left, const Write& right) {
      return std::pair(left.moment, left.array) < std::pair(right.moment, right.array);
    });
    std::vector<ArrayId> live;
    std::size_t next = 0;
    for (const Write& write : writes) {
      const Storage storage = plan_.buffers[plan_.placements[write.array].buffer].storage;
      if (storage == Storage::input || storage == Storage::constant) fail(write, "is written in read-only memory");
      for (; next < arrays.size() && defined_[arrays[next]] <= write.moment; ++next) live.push_back(arrays[next]);
      std::erase_if(live, [&](ArrayId array) { return last_[array] < write.moment; });
      for (ArrayId array : live) check(write, array);
    }
  }

  [[noreturn]] static void fail(const Write& write, std::string_view rule) {
    throw InternalError(fmt::format("plan: node {} (line {}:{}): a{} {}", write.node->id, write.node->location.line,
                                    write.node->location.column, write.array, rule));
  }

  void check(const Write& write, ArrayId other) const {
    if (other == write.array || last_[other] < write.until) return;
    const bool trade = write.moment < traded_until_[other];
    if (trade && plan_.placements[other].buffer == plan_.placements[write.array].buffer) return;
    const Footprint& mine = placed_[write.array].bytes;
    const Footprint& theirs = placed_[other].bytes;
    if (mine.high <= mine.low || theirs.high <= theirs.low) return;
    if (mine.high <= theirs.low || theirs.high <= mine.low) return;
    if (within_slice(write.array, other)) return;
    if (last_[other] == write.moment && defined_[other] < write.moment) {
      if (write.move && plan_.placements[other].buffer == plan_.placements[write.array].buffer) return;
      if (stored_where_read(write, other)) return;
    }
    fail(write, fmt::format("overwrites a{}, which is needed later", other));
  }

  // Whether `array` lies in the slice of `whole` at the present position of a loop that stacks `whole`.
  bool within_slice(ArrayId array, ArrayId whole) const {
    const Placement& inner = plan_.placements[array];
    const Placement& outer = plan_.placements[whole];
    if (inner.buffer != outer.buffer) return false;
    const std::size_t around = loops_of_[whole].size();
    return loops_of_[array].size() > around &&
           std::any_of(inner.loop_strides.begin(), inner.loop_strides.end(), [&](const Placement::LoopStride& stride) {
             return stride.loop == loops_of_[array][around] &&
                    std::find(outer.strides.begin(), outer.strides.end(), stride.stride) != outer.strides.end();
           });
  }

  // Whether the writing nest reads `other` only at the element where it stores, in the same place.
  bool stored_where_read(const Write& write, ArrayId other) const {
    const auto* nest = std::get_if<Nest>(&write.node->kind);
    if (nest == nullptr || !same_place(program_, plan_, write.array, other)) return false;
    const auto output = std::find_if(nest->outputs.begin(), nest->outputs.end(),
                                     [&](const NestOutput& candidate) { return candidate.result == write.array; });
    if (output->base && !same_place(program_, plan_, *output->base, write.array)) return false;
    return updates_in_place(program_, *nest, *output, other);
  }

  const Program& program_;
  const Plan& plan_;
  Footprints footprints_;
  std::vector<Moment> defined_;                ///< by ArrayId
  std::vector<Moment> last_;                   ///< by ArrayId
  std::vector<Moment> traded_until_;           ///< by ArrayId: before it, a doubled carry's next is its buffer alone
  std::vector<std::vector<NodeId>> loops_of_;  ///< by ArrayId: the loops around its assignment
  std::vector<Span> spans_;                    ///< by NodeId
  std::vector<NodeId> loops_;
  std::vector<Write> writes_;
  std::vector<Placed> placed_;
  Moment clock_ = 0;
};

}  // namespace

void verify_no_overlap(const Program& program, const Plan& plan) {
  OverlapVerifier(program, plan).run();
}

}  // namespace jaxc::ir
