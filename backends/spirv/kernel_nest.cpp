// Nests: which invocation runs which points, and each operation at the outermost loop where it can stand.
#include "backends/spirv/kernel_emitter.h"
#include "jaxc/error.h"

namespace jaxc::spirv {

using ir::ArrayId;
using ir::AxisKind;
using ir::Opcode;
using ir::OpId;
using ir::Schedule;

/// A nest while it is emitted. Level 0 is outside its loops; level k is inside the k-th of `loops`.
struct KernelEmitter::NestState {
  const ir::Nest& nest;
  const ir::NestPlan& plan;
  RegionValues body;
  ScalarCode::Hooks hooks;
  std::vector<Value> axes;             ///< by axis: its position
  std::vector<int> team;               ///< axes that the team shares, outermost first
  std::vector<int> loops;              ///< axes with loops, parallel and ordered ones first
  std::size_t stored_loops = 0;        ///< how many of `loops` are outside the reduction
  std::vector<int> levels;             ///< by operation
  std::vector<Variable> accumulators;  ///< of the reduction
  bool reduces_in_team = false;        ///< the team shares the reduced axes
};

namespace {

/// The value that leaves others unchanged when merged with them.
std::uint64_t identity_bits(Opcode merge, DType dtype) {
  const bool wide = dtype == DType::f64;
  const std::int64_t width = 8 * static_cast<std::int64_t>(element_bytes(dtype));
  const std::uint64_t ones = ~std::uint64_t{0} >> (64 - width);
  const std::uint64_t sign = std::uint64_t{1} << (width - 1);
  const std::uint64_t infinity = wide ? 0x7ff0000000000000 : 0x7f800000;
  const bool is_signed = is_signed_integer(dtype);
  if (dtype == DType::boolean) {
    return merge == Opcode::mul || merge == Opcode::min || merge == Opcode::bit_and ? 1 : 0;
  }
  switch (merge) {
    case Opcode::add:
      return is_floating(dtype) ? sign : 0;  // -0 + x is x for every x
    case Opcode::mul:
      return is_floating(dtype) ? (wide ? 0x3ff0000000000000 : 0x3f800000) : 1;
    case Opcode::min:
      return is_floating(dtype) ? infinity : is_signed ? ones ^ sign : ones;
    case Opcode::max:
      return is_floating(dtype) ? infinity | sign : is_signed ? sign : 0;
    case Opcode::bit_and:
      return ones;
    case Opcode::bit_or:
    case Opcode::bit_xor:
      return 0;
    default:
      throw InternalError("spirv: a reduction has no such merge");
  }
}

/// By operation: the deepest loop among those of the axes that it depends on.
std::vector<int> operation_levels(const ir::Region& body, const std::vector<int>& axis_levels) {
  std::vector<int> levels(body.ops.size(), 0);
  for (OpId id = 0; id < body.ops.size(); ++id) {
    const ir::ScalarOp& op = body.ops[id];
    int level = op.opcode == Opcode::axis ? axis_levels[op.immediate] : 0;
    for (const OpId argument : op.arguments) level = std::max(level, levels[argument]);
    for (const ir::Index& index : op.indices) {
      for (const ir::Index::Term& term : index.terms) level = std::max(level, levels[term.op]);
    }
    levels[id] = level;
  }
  return levels;
}

}  // namespace

void KernelEmitter::nest(ir::NodeId id, const ir::Nest& nest) {
  const ir::NestPlan& plan = plan_.nests.at(id);
  NestState state{nest, plan, RegionValues(nest.body, {}), {}, {}, {}, {}, 0, {}, {}, false};
  state.axes.assign(nest.axes.size(), i32(0));
  std::vector<int> reduced;
  bool has_points = true;
  for (const int axis : plan.order) {
    const auto kind = nest.axes[axis].kind;
    const auto schedule = plan.axes[axis].schedule;
    if (nest.axes[axis].extent >= std::int64_t{1} << 31) {
      throw Error("gpu: an axis has fewer than 2^31 points, got more; use the cpu backend");
    }
    has_points = has_points && (kind == AxisKind::reduced || nest.axes[axis].extent > 0);
    const bool shared = schedule == Schedule::grid || schedule == Schedule::workgroup;
    if (kind == AxisKind::reduced) {
      reduced.push_back(axis);
      state.reduces_in_team = state.reduces_in_team || shared;
    } else if (schedule == Schedule::loop_lane) {
      continue;
    } else if (shared) {
      state.team.push_back(axis);
    } else {
      state.loops.push_back(axis);
    }
  }
  set_lane_axes(state);
  state.stored_loops = state.loops.size();
  state.loops.insert(state.loops.end(), reduced.begin(), reduced.end());
  std::vector<int> axis_levels(nest.axes.size(), 0);
  for (std::size_t i = 0; i < state.loops.size(); ++i) axis_levels[state.loops[i]] = static_cast<int>(i) + 1;
  if (state.reduces_in_team) {
    for (const int axis : reduced) axis_levels[axis] = static_cast<int>(state.stored_loops) + 1;
  }
  state.levels = operation_levels(nest.body, axis_levels);
  state.hooks.axis = [&state](std::uint64_t axis) {
    return Narrow{state.axes[axis], 0, state.nest.axes[axis].extent - 1};
  };
  state.hooks.read = [this](const ir::ScalarOp& op, const RegionValues& scope) { return read(op, scope); };
  state.hooks.known = [this](ArrayId array) -> std::optional<Narrow> {
    const auto found = positions_.find(array);
    return found == positions_.end() ? std::nullopt : std::optional(found->second);
  };

  std::vector<ArrayId> reads;
  std::vector<ArrayId> writes;
  std::vector<Move> moves;
  for (const ir::ScalarOp& op : nest.body.ops) {
    if (op.opcode == Opcode::read) reads.push_back(op.array);
  }
  for (const ir::NestOutput& output : nest.outputs) {
    writes.push_back(output.result);
    if (output.base) moves.emplace_back(*output.base, output.result);
  }
  if (shape_.team != Team::grid) move(moves);
  if (!has_points) return;
  access(reads, writes);
  points(state);
  // Barriers of a reduction in the team stand before its last reads and stores.
  if (state.reduces_in_team) note(reads, writes);
}

/// An axis is a lane axis when it alone indexes the dimension of an output that is.
void KernelEmitter::set_lane_axes(NestState& state) {
  for (const ir::NestOutput& output : state.nest.outputs) {
    const auto dimensions = lane_dimensions(output.result);
    for (std::size_t lane = 0; lane < dimensions.size(); ++lane) {
      if (dimensions[lane] < 0) continue;
      const ir::Index& index = output.indices.at(static_cast<std::size_t>(dimensions[lane]));
      if (index.offset != 0 || index.terms.size() != 1) throw InternalError("spirv: a lane is not stored by one axis");
      const auto axis = state.nest.body.ops[index.terms[0].op].immediate;
      if (state.plan.axes[axis].schedule == Schedule::loop_lane) state.axes[axis] = lanes_[lane];
    }
  }
}

void KernelEmitter::points(NestState& state) {
  std::vector<std::int64_t> extents;
  std::int64_t count = 1;
  for (const int axis : state.team) {
    extents.push_back(state.nest.axes[axis].extent);
    count *= state.nest.axes[axis].extent;
  }
  if (count >= std::int64_t{1} << 31)
    throw Error("gpu: a nest has fewer than 2^31 points, got more; use the cpu backend");
  const auto place = [&](Value number) {
    const std::vector<Value> positions = decompose(number, extents);
    for (std::size_t i = 0; i < state.team.size(); ++i) state.axes[state.team[i]] = positions[i];
  };
  const auto inside = [&] {
    emit_level(state, 0);
    loop_axes(state, 0);
  };
  if (state.reduces_in_team) {
    if (shape_.team != Team::grid) {
      if (!state.team.empty()) throw InternalError("spirv: a team shares parallel and reduced axes of one nest");
      inside();
      return;
    }
    const Value group =
        module_.binary(IntegerBinary::add, module_.workgroup_index(0),
                       module_.binary(IntegerBinary::multiply, module_.workgroup_index(1), module_.workgroup_count(0)));
    module_.if_then(module_.compare(IntegerCompare::less_unsigned, group, i32(count)), [&] {
      place(group);
      inside();
    });
    return;
  }
  if (shape_.team == Team::invocation) {
    inside();
    return;
  }
  share(count, false, [&](Value number) {
    place(number);
    inside();
  });
}

void KernelEmitter::emit_level(NestState& state, int level) {
  for (OpId op = 0; op < state.levels.size(); ++op) {
    if (state.levels[op] == level) scalar_.emit(state.body, op, state.hooks);
  }
}

void KernelEmitter::loop_axes(NestState& state, std::size_t position) {
  if (position == state.stored_loops && state.nest.reduction) begin_reduction(state);
  if (position == state.stored_loops && state.reduces_in_team) {
    reduce_in_team(state);
    return;
  }
  if (position == state.loops.size()) {
    at_point(state);
  } else {
    const int axis = state.loops[position];
    const std::int64_t extent = state.nest.axes[axis].extent;
    const auto inside = [&](Value value) {
      state.axes[axis] = value;
      emit_level(state, static_cast<int>(position) + 1);
      loop_axes(state, position + 1);
    };
    if (state.plan.axes[axis].schedule == Schedule::unrolled || extent == 1) {
      for (std::int64_t i = 0; i < extent; ++i) inside(i32(i));
    } else {
      module_.loop_range(i32(0), i32(extent), i32(1), inside);
    }
  }
  if (position == state.stored_loops && state.nest.reduction) {
    std::vector<Value> values;
    for (const Variable& accumulator : state.accumulators) values.push_back(module_.read(accumulator));
    store_outputs(state, values);
  }
}

void KernelEmitter::begin_reduction(NestState& state) {
  const ir::Reduction& reduction = *state.nest.reduction;
  const bool fresh = state.accumulators.empty();
  for (std::size_t i = 0; i < reduction.initial.size(); ++i) {
    const ir::ScalarConstant& initial = reduction.initial[i];
    Value value = scalar_.arithmetic().constant(initial.dtype, initial.bits);
    if (state.reduces_in_team) {
      const Value identity =
          scalar_.arithmetic().constant(initial.dtype, identity_bits(*reduction.merge, initial.dtype));
      value = module_.select(module_.compare(IntegerCompare::equal, local_, i32(0)), value, identity);
    }
    if (fresh) state.accumulators.push_back(module_.variable(value.kind, "accumulator"));
    module_.write(state.accumulators[i], value);
  }
}

void KernelEmitter::at_point(NestState& state) {
  std::vector<Value> results;
  for (const OpId result : state.nest.body.results) results.push_back(state.body.values[result]);
  if (!state.nest.reduction) {
    store_outputs(state, results);
    return;
  }
  std::vector<Value> arguments;
  for (const Variable& accumulator : state.accumulators) arguments.push_back(module_.read(accumulator));
  arguments.insert(arguments.end(), results.begin(), results.end());
  const std::vector<Value> next = scalar_.evaluate(state.nest.reduction->step, arguments);
  for (std::size_t i = 0; i < next.size(); ++i) module_.write(state.accumulators[i], next[i]);
}

void KernelEmitter::reduce_in_team(NestState& state) {
  const ir::Reduction& reduction = *state.nest.reduction;
  std::vector<int> axes(state.loops.begin() + static_cast<std::ptrdiff_t>(state.stored_loops), state.loops.end());
  std::vector<std::int64_t> extents;
  std::int64_t count = 1;
  for (const int axis : axes) {
    extents.push_back(state.nest.axes[axis].extent);
    count *= extents.back();
  }
  if (count >= std::int64_t{1} << 31)
    throw Error("gpu: a nest has fewer than 2^31 points, got more; use the cpu backend");
  const std::int64_t size = shape_.workgroup_size;
  module_.loop_range(local_, i32(count), i32(size), [&](Value number) {
    const std::vector<Value> positions = decompose(number, extents);
    for (std::size_t i = 0; i < axes.size(); ++i) state.axes[axes[i]] = positions[i];
    emit_level(state, static_cast<int>(state.stored_loops) + 1);
    at_point(state);
  });

  std::vector<LocalArray> partials;
  for (std::size_t i = 0; i < state.accumulators.size(); ++i) {
    const Kind kind = memory_kind_of(reduction.initial[i].dtype);
    const auto key = std::make_pair(i, kind);
    if (!partials_.contains(key)) partials_.emplace(key, module_.shared_array(kind, size));
    partials.push_back(partials_.at(key));
  }
  Arithmetic& arithmetic = scalar_.arithmetic();
  barrier();
  for (std::size_t i = 0; i < partials.size(); ++i) {
    module_.write(partials[i], local_, arithmetic.to_memory(module_.read(state.accumulators[i])));
  }
  for (std::int64_t half = size / 2; half > 0; half /= 2) {
    module_.barrier(scope_);
    module_.if_then(module_.compare(IntegerCompare::less_unsigned, local_, i32(half)), [&] {
      const Value other = module_.binary(IntegerBinary::add, local_, i32(half));
      for (std::size_t i = 0; i < partials.size(); ++i) {
        const DType dtype = reduction.initial[i].dtype;
        const std::vector<Value> pair{arithmetic.from_memory(module_.read(partials[i], local_), dtype),
                                      arithmetic.from_memory(module_.read(partials[i], other), dtype)};
        module_.write(partials[i], local_,
                      arithmetic.to_memory(arithmetic.apply(*reduction.merge, dtype, dtype, pair)));
      }
    });
  }
  module_.if_then(module_.compare(IntegerCompare::equal, local_, i32(0)), [&] {
    std::vector<Value> values;
    for (std::size_t i = 0; i < partials.size(); ++i) {
      values.push_back(arithmetic.from_memory(module_.read(partials[i], local_), reduction.initial[i].dtype));
    }
    store_outputs(state, values);
  });
}

Value KernelEmitter::index(const RegionValues& scope, const ir::Index& index, std::int64_t extent) {
  // The index lies within the extent, and so its low bits suffice.
  const Kind kind = extent < std::int64_t{1} << 31 ? Kind::i32 : Kind::i64;
  Value sum = module_.integer(kind, index.offset);
  for (const ir::Index::Term& term : index.terms) {
    const auto& narrow = scope.narrow[term.op];
    const Value value = narrow ? narrow->value : scope.values[term.op];
    sum = module_.binary(IntegerBinary::add, sum,
                         module_.binary(IntegerBinary::multiply, module_.resize_signed(value, kind),
                                        module_.integer(kind, term.coefficient)));
  }
  return sum;
}

std::vector<Value> KernelEmitter::indices(const RegionValues& scope, std::span<const ir::Index> all, ArrayId array) {
  std::vector<Value> result;
  for (std::size_t i = 0; i < all.size(); ++i) result.push_back(index(scope, all[i], arrays_.shape(array)[i]));
  return result;
}

Value KernelEmitter::read(const ir::ScalarOp& op, const RegionValues& scope) {
  std::vector<Value> at = indices(scope, op.indices, op.array);
  if (op.arguments.empty()) return arrays_.load(op.array, at);
  const Value guard = scope.values[op.arguments[0]];
  const Value fallback = scope.values[op.arguments[1]];
  const auto known = module_.constant_of(guard);
  if (arrays_.count(op.array) == 0 || (known && *known == 0)) return fallback;
  // A load of element 0 whose value is dropped: drivers move loads out of branches, and so each must be in bounds.
  for (Value& index : at) index = module_.select(guard, index, module_.integer(index.kind, 0));
  return module_.select(guard, arrays_.load(op.array, at), fallback);
}

void KernelEmitter::store_outputs(NestState& state, std::span<const Value> values) {
  for (std::size_t i = 0; i < state.nest.outputs.size(); ++i) {
    const ir::NestOutput& output = state.nest.outputs[i];
    const auto store = [&] {
      const std::vector<Value> at = indices(state.body, output.indices, output.result);
      Value value = values[i];
      if (output.combine) value = scalar_.evaluate(*output.combine, {arrays_.load(output.result, at), value})[0];
      arrays_.store(output.result, at, value);
    };
    if (!output.guard) {
      store();
      continue;
    }
    const Value guard = state.body.values[*output.guard];
    const auto known = module_.constant_of(guard);
    if (!known) {
      module_.if_then(guard, store);
    } else if (*known != 0) {
      store();
    }
  }
}

}  // namespace jaxc::spirv
