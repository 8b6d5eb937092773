// Loops and branches inside a kernel, and a loop as a kernel of its own, whole or in chunks.
#include <limits>

#include "backends/spirv/kernel_emitter.h"
#include "jaxc/error.h"

namespace jaxc::spirv {

using ir::ArrayId;
using ir::Carry;
using ir::Loop;

namespace {

/// Elements of slices and invariants that one invocation keeps in registers beside its carries.
constexpr std::int64_t most_kept_elements = 96;

}  // namespace

std::vector<KernelEmitter::Move> KernelEmitter::initial_moves(const Loop& loop) const {
  std::vector<Move> moves;
  for (const Carry& carry : loop.carries) moves.emplace_back(carry.initial, carry.argument);
  return moves;
}

std::vector<KernelEmitter::Move> KernelEmitter::next_moves(const Loop& loop) const {
  std::vector<Move> moves;
  for (const Carry& carry : loop.carries) moves.emplace_back(carry.next, carry.argument);
  return moves;
}

std::vector<KernelEmitter::Move> KernelEmitter::result_moves(const Loop& loop) const {
  std::vector<Move> moves;
  for (const Carry& carry : loop.carries) moves.emplace_back(carry.argument, carry.result);
  return moves;
}

Value KernelEmitter::read_scalar(ArrayId array) {
  access(std::vector<ArrayId>{array}, {});
  return arrays_.load(array, std::vector<Value>(arrays_.shape(array).size(), i32(0)));
}

Value KernelEmitter::condition(const Loop& loop) {
  block(*loop.condition);
  return read_scalar(loop.condition->results[0]);
}

void KernelEmitter::step(ir::NodeId id, const Loop& loop, Value position) {
  arrays_.set_position(id, position);
  arrays_.set_scalar(loop.position, module_.resize_signed(position, Kind::i64));
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  positions_.insert_or_assign(loop.position, Narrow{position, 0, loop.condition ? most : loop.trip_count - 1});
  block(loop.body);
  move(next_moves(loop));
}

void KernelEmitter::loop(ir::NodeId id, const Loop& loop) {
  move(initial_moves(loop));
  const auto found = plan_.loops.find(id);
  if (loop.condition) {
    flush();
    const Variable count = module_.variable(i32(0), "step");
    Hazards after_condition;
    module_.loop_while(
        [&] {
          const Value holds = condition(loop);
          after_condition = hazards_;
          return holds;
        },
        [&] {
          const Value now = module_.read(count);
          step(id, loop, now);
          module_.write(count, module_.binary(IntegerBinary::add, now, i32(1)));
          flush();
        });
    hazards_ = after_condition;
  } else if (found != plan_.loops.end() && found->second.unrolled) {
    for (std::int64_t s = 0; s < loop.trip_count; ++s) step(id, loop, i32(loop.reverse ? loop.trip_count - 1 - s : s));
  } else if (loop.trip_count > 0) {
    if (loop.trip_count >= std::int64_t{1} << 31) throw Error("gpu: a loop takes fewer than 2^31 steps, got more");
    flush();
    module_.loop_range(i32(0), i32(loop.trip_count), i32(1), [&](Value now) {
      const Value position =
          loop.reverse ? module_.binary(IntegerBinary::subtract, i32(loop.trip_count - 1), now) : now;
      step(id, loop, position);
      flush();
    });
  }
  move(result_moves(loop));
}

void KernelEmitter::branch(const ir::Branch& branch) {
  const Value index = read_scalar(branch.index);
  const Hazards before = hazards_;
  Hazards after;
  const auto run = [&](std::size_t number) {
    hazards_ = before;
    block(branch.blocks[number]);
    std::vector<Move> moves;
    for (std::size_t i = 0; i < branch.results.size(); ++i) {
      moves.emplace_back(branch.blocks[number].results[i], branch.results[i]);
    }
    move(moves);
    after.add(hazards_);
  };
  const std::function<void(std::size_t)> choose = [&](std::size_t number) {
    if (number + 1 == branch.blocks.size()) {
      run(number);
      return;
    }
    const Value here =
        module_.compare(IntegerCompare::less_equal_signed, index, i32(static_cast<std::int64_t>(number)));
    module_.if_then_else(here, [&] { run(number); }, [&] { choose(number + 1); });
  };
  choose(0);
  hazards_ = after;
}

KernelEmitter::Kept KernelEmitter::kept_arrays(const Loop& loop) const {
  if (shape_.team != Team::invocation || (!loop.condition && loop.trip_count == 0)) return {};
  // By array: whether every read of it is at indices known when code is made.
  std::map<ArrayId, bool> reads;
  std::set<ArrayId> assigned;
  const auto visit = [&](const ir::Node& node) {
    const auto arrays = ir::arrays_assigned(node);
    assigned.insert(arrays.begin(), arrays.end());
    if (const auto* inner = std::get_if<Loop>(&node.kind)) {
      assigned.insert(inner->position);
      for (const Carry& carry : inner->carries) assigned.insert(carry.argument);
      for (const ir::StackedInput& input : inner->inputs) assigned.insert(input.argument);
    }
    const auto* nest = std::get_if<ir::Nest>(&node.kind);
    if (nest == nullptr) return;
    const ir::NestPlan& plan = plan_.nests.at(node.id);
    for (const ir::ScalarOp& op : nest->body.ops) {
      if (op.opcode != ir::Opcode::read) continue;
      const std::vector<int>& lanes = plan_.placements[op.array].lane_dimensions;
      bool known = true;
      for (std::size_t i = 0; i < op.indices.size(); ++i) {
        if (std::find(lanes.begin(), lanes.end(), static_cast<int>(i)) != lanes.end()) continue;
        for (const ir::Index::Term& term : op.indices[i].terms) {
          const ir::ScalarOp& index = nest->body.ops[term.op];
          known = known && index.opcode == ir::Opcode::axis &&
                  plan.axes[index.immediate].schedule == ir::Schedule::unrolled;
        }
      }
      const auto [found, fresh] = reads.emplace(op.array, known);
      if (!fresh) found->second = found->second && known;
    }
  };
  if (loop.condition) ir::visit_nodes(*loop.condition, visit);
  ir::visit_nodes(loop.body, visit);
  assigned.insert(loop.position);
  for (const Carry& carry : loop.carries) assigned.insert(carry.argument);
  Kept kept;
  std::int64_t room = most_kept_elements;
  const auto keep = [&](ArrayId array, std::vector<ArrayId>& list) {
    const auto found = reads.find(array);
    const std::int64_t count = team_count(array, lane_dimensions(array));
    if (found == reads.end() || !found->second || count == 0 || count > room || arrays_.is_local(array)) return;
    room -= count;
    list.push_back(array);
  };
  for (const ir::StackedInput& input : loop.inputs) {
    assigned.insert(input.argument);
    keep(input.argument, kept.slices);
  }
  for (const auto& [array, known] : reads) {
    if (!assigned.contains(array)) keep(array, kept.invariants);
  }
  return kept;
}

std::vector<Value> KernelEmitter::load_elements(ArrayId array) {
  const auto lanes = lane_dimensions(array);
  std::vector<Value> elements;
  for (std::int64_t i = 0; i < team_count(array, lanes); ++i) {
    elements.push_back(arrays_.load(array, element_indices(array, i32(i), lanes)));
  }
  return elements;
}

std::int64_t KernelEmitter::carry_bytes(const Loop& loop) const {
  std::int64_t bytes = 0;
  for (const Carry& carry : loop.carries) {
    if (!arrays_.is_local(carry.argument)) continue;
    bytes += 8 * team_count(carry.argument, lane_dimensions(carry.argument)) * shape_.lanes();
  }
  return bytes;
}

void KernelEmitter::save_carries(const Loop& loop, std::int64_t offset, bool save) {
  for (const Carry& carry : loop.carries) {
    const ArrayId array = carry.argument;
    if (!arrays_.is_local(array)) continue;
    const auto lanes = lane_dimensions(array);
    const std::int64_t count = team_count(array, lanes);
    access(save ? std::vector<ArrayId>{array} : std::vector<ArrayId>{},
           save ? std::vector<ArrayId>{} : std::vector<ArrayId>{array});
    share(count, in_registers(array), [&](Value number) {
      const Value slot =
          module_.binary(IntegerBinary::add, number, module_.binary(IntegerBinary::multiply, lane_, i32(count)));
      const Value address = module_.binary(
          IntegerBinary::add,
          module_.binary(IntegerBinary::add, arrays_.state_address(), module_.integer(Kind::i64, offset)),
          module_.binary(IntegerBinary::multiply, module_.resize_unsigned(slot, Kind::i64),
                         module_.integer(Kind::i64, 8)));
      const DType dtype = program_.arrays[array].dtype;
      if (save) {
        module_.store(scalar_.arithmetic().to_memory(arrays_.load(array, element_indices(array, number, lanes))),
                      address, Sharing::invocation);
      } else {
        const Value value = module_.load(memory_kind_of(dtype), address, Sharing::invocation);
        arrays_.store(array, element_indices(array, number, lanes), scalar_.arithmetic().from_memory(value, dtype));
      }
    });
    offset += 8 * count * shape_.lanes();
  }
}

void KernelEmitter::loop_kernel(ir::NodeId id, const Loop& loop, std::int64_t chunk, const KernelState& state) {
  if (loop.trip_count >= std::int64_t{1} << 31) throw Error("gpu: a loop takes fewer than 2^31 steps, got more");
  const bool whole = chunk == 0;
  const Value begin = whole ? i32(0) : module_.resize_unsigned(module_.push_constant(PushConstants::begin), Kind::i32);
  const Value end = whole && !loop.condition
                        ? i32(loop.trip_count)
                        : module_.resize_unsigned(module_.push_constant(PushConstants::end), Kind::i32);
  const auto body = [&] {
    if (whole) {
      move(initial_moves(loop));
      flush();
    } else {
      module_.if_then_else(
          module_.compare(IntegerCompare::equal, begin, i32(0)),
          [&] {
            move(initial_moves(loop));
            flush();
          },
          [&] {
            save_carries(loop, state.carries, false);
            flush();
          });
    }
    const Kept kept = kept_arrays(loop);
    for (const ArrayId array : kept.invariants) arrays_.set_elements(array, load_elements(array));
    const auto position = [&](Value number) {
      return loop.reverse ? module_.binary(IntegerBinary::subtract, i32(loop.trip_count - 1), number) : number;
    };
    // What the next step reads is on its way while this one computes.
    std::vector<std::vector<Variable>> ahead;
    arrays_.set_position(id, position(begin));
    for (const ArrayId array : kept.slices) {
      ahead.emplace_back();
      for (const Value value : load_elements(array)) ahead.back().push_back(module_.variable(value));
    }
    const auto advance = [&](Value current) {
      std::vector<std::vector<Value>> elements;
      for (const auto& variables : ahead) {
        elements.emplace_back();
        for (const Variable& variable : variables) elements.back().push_back(module_.read(variable));
      }
      const Value next = module_.binary(IntegerBinary::add, current, i32(1));
      const Value last = i32(loop.trip_count - 1);
      const Value clamped = module_.select(module_.compare(IntegerCompare::less_signed, next, last), next, last);
      arrays_.set_position(id, position(clamped));
      for (std::size_t i = 0; i < ahead.size(); ++i) {
        arrays_.forget_elements(kept.slices[i]);
        const std::vector<Value> values = load_elements(kept.slices[i]);
        for (std::size_t k = 0; k < values.size(); ++k) module_.write(ahead[i][k], values[k]);
        arrays_.set_elements(kept.slices[i], std::move(elements[i]));
      }
    };
    const Variable now = module_.variable(begin, "step");
    const Variable running = module_.variable(module_.boolean(true), "running");
    module_.loop_while(
        [&] {
          const Value below = module_.compare(IntegerCompare::less_signed, module_.read(now), end);
          if (!loop.condition) return below;
          const Value holds = condition(loop);
          module_.write(running, holds);
          flush();
          return module_.binary(LogicalBinary::logical_and, below, holds);
        },
        [&] {
          const Value current = module_.read(now);
          if (!ahead.empty()) advance(current);
          step(id, loop, position(current));
          module_.write(now, module_.binary(IntegerBinary::add, current, i32(1)));
          flush();
        });
    for (const ArrayId array : kept.slices) arrays_.forget_elements(array);
    for (const ArrayId array : kept.invariants) arrays_.forget_elements(array);
    const Value finished = loop.condition ? module_.logical_not(module_.read(running))
                           : whole        ? module_.boolean(true)
                                          : module_.compare(IntegerCompare::equal, end, i32(loop.trip_count));
    if (whole && !loop.condition) {
      move(result_moves(loop));
      return;
    }
    module_.if_then_else(
        finished,
        [&] {
          move(result_moves(loop));
          flush();
        },
        [&] {
          save_carries(loop, state.carries, true);
          flush();
        });
    if (loop.condition) {
      module_.if_then(module_.compare(IntegerCompare::equal, local_, i32(0)), [&] {
        const Value address =
            module_.binary(IntegerBinary::add, arrays_.state_address(), module_.integer(Kind::i64, state.running));
        module_.store(module_.boolean_to_integer(module_.logical_not(finished), Kind::i32), address,
                      Sharing::invocation);
      });
    }
  };
  if (shape_.team != Team::invocation) {
    body();
  } else {
    const Value group = module_.binary(IntegerBinary::multiply, module_.workgroup_index(0), i32(shape_.workgroup_size));
    const Value number = module_.binary(IntegerBinary::add, group, local_);
    if (shape_.lanes() > 1) lane_ = number;
    lanes_ = decompose(lane_, shape_.lane_extents);
    module_.if_then(module_.compare(IntegerCompare::less_unsigned, number, i32(shape_.lanes())), body);
  }
}

}  // namespace jaxc::spirv
