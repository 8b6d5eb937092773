// Places of arrays: buffers, pointers that follow loops, element numbers, alias scopes.
#include "backends/llvm/arrays.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "jaxc/error.h"

namespace jaxc::cpu {

using llvm::Value;

bool ElementNumber::uniform(int valid) const {
  if (varying != nullptr) return false;
  for (int lane = 1; lane < valid && lane < static_cast<int>(lanes.size()); ++lane)
    if (lanes[static_cast<std::size_t>(lane)] != lanes[0]) return false;
  return true;
}

Arrays::Arrays(Code& code)
    : code_(code),
      weights_(code.program.arrays.size()),
      copies_(code.plan.buffers.size(), 1),
      buffers_(code.plan.buffers.size(), nullptr),
      aligned_(code.plan.buffers.size(), nullptr),
      pointers_(code.program.arrays.size(), nullptr),
      registers_(code.program.arrays.size()),
      in_buffer_(code.plan.buffers.size()) {
  int widest = 1;
  for (const auto& [node, loop] : code.plan.loops)
    if (!loop.lane_extents.empty()) widest = std::max(widest, loop.lane_width);
  for (ir::ArrayId array = 0; array < code.program.arrays.size(); ++array) {
    const ir::Placement& place = placement(array);
    if (per_lane(array)) copies_[place.buffer] = widest;
    in_buffer_[place.buffer].push_back(array);
    for (const ir::Placement::LoopStride& stride : place.loop_strides) moved_by_[stride.loop].push_back(array);
    weights_[array] = place.strides;
    if (in_registers(array)) {
      const Shape& shape = info(array).shape;
      std::int64_t weight = 1;
      for (std::size_t d = shape.size(); d-- > 0;) {
        const bool lane = lane_axis(array, static_cast<int>(d)).has_value();
        weights_[array][d] = lane ? 0 : weight;
        if (!lane) weight *= shape[d];
      }
    }
  }
}

std::optional<int> Arrays::lane_axis(ir::ArrayId array, int dimension) const {
  const std::vector<int>& dimensions = placement(array).lane_dimensions;
  for (std::size_t axis = 0; axis < dimensions.size(); ++axis)
    if (dimensions[axis] == dimension) return static_cast<int>(axis);
  return std::nullopt;
}

bool Arrays::per_lane(ir::ArrayId array) const {
  if (storage(array) != ir::Storage::registers && storage(array) != ir::Storage::stack) return false;
  for (int dimension : placement(array).lane_dimensions)
    if (dimension >= 0) return true;
  return false;
}

bool Arrays::same_buffer_start(ir::ArrayId left, ir::ArrayId right) const {
  const ir::Placement& a = placement(left);
  const ir::Placement& b = placement(right);
  const auto moves = [](const ir::Placement& place) {
    std::map<ir::NodeId, std::int64_t> strides;
    for (const auto& stride : place.loop_strides)
      if (stride.stride != 0) strides[stride.loop] = stride.stride;
    return strides;
  };
  return a.buffer == b.buffer && a.offset == b.offset && moves(a) == moves(b) && per_lane(left) == per_lane(right) &&
         !in_registers(left);
}

bool Arrays::same_place(ir::ArrayId left, ir::ArrayId right) const {
  if (left == right) return true;
  if (!same_buffer_start(left, right)) return false;
  const Shape& shape = info(left).shape;
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (shape[d] > 1 && placement(left).strides[d] != placement(right).strides[d]) return false;
  return true;
}

std::int64_t Arrays::register_count(ir::ArrayId array) const {
  std::int64_t count = 1;
  for (std::size_t d = 0; d < info(array).shape.size(); ++d)
    if (!lane_axis(array, static_cast<int>(d))) count *= info(array).shape[d];
  return count;
}

void Arrays::bind(Value* inputs, Value* outputs, Value* constants, Value* scratch,
                  std::span<const ir::BufferId> buffers) {
  llvm::IRBuilder<>& builder = code_.builder;
  llvm::Type* pointer = builder.getPtrTy();
  const auto slot = [&](Value* table, std::int64_t number) {
    return builder.CreateLoad(pointer, builder.CreateConstGEP1_64(pointer, table, static_cast<std::uint64_t>(number)));
  };
  unbind();
  bound_.assign(buffers.begin(), buffers.end());
  for (const ir::BufferId k : buffers) {
    const ir::Buffer& buffer = code_.plan.buffers[k];
    switch (buffer.storage) {
      case ir::Storage::input:
        buffers_[k] = slot(inputs, buffer.slot);
        break;
      case ir::Storage::output:
        buffers_[k] = slot(outputs, buffer.slot);
        break;
      case ir::Storage::constant:
        buffers_[k] = slot(constants, buffer.slot);
        break;
      case ir::Storage::scratch:
        buffers_[k] = builder.CreateConstGEP1_64(builder.getInt8Ty(), scratch, static_cast<std::uint64_t>(buffer.slot));
        break;
      case ir::Storage::stack:
        buffers_[k] = code_.frame_memory(buffer.bytes * copies_[k]);
        break;
      case ir::Storage::registers:
        break;
      case ir::Storage::shared:
        throw InternalError("cpu: a plan for the CPU has no shared memory");
    }
  }
  for (const ir::BufferId k : buffers) {
    if (!code_.plan.buffers[k].streamed) continue;
    Value* address = builder.CreatePtrToInt(buffers_[k], builder.getInt64Ty());
    aligned_[k] = builder.CreateICmpEQ(builder.CreateAnd(address, code_.integer(63)), code_.integer(0));
  }
  if (scopes_.empty()) make_scopes();
  for (const ir::BufferId k : buffers)
    for (const ir::ArrayId array : in_buffer_[k])
      if (placement(array).loop_strides.empty()) refresh(array);
}

void Arrays::make_scopes() {
  // Buffers that overlap (arena bytes used at different times) share a scope; so does everything past a limit.
  constexpr std::size_t limit = 64;
  const std::size_t count = buffers_.size();
  std::vector<std::size_t> group(count);
  std::iota(group.begin(), group.end(), std::size_t{0});
  std::vector<std::size_t> scratch;
  for (std::size_t k = 0; k < count; ++k)
    if (code_.plan.buffers[k].storage == ir::Storage::scratch) scratch.push_back(k);
  std::sort(scratch.begin(), scratch.end(),
            [&](std::size_t a, std::size_t b) { return code_.plan.buffers[a].slot < code_.plan.buffers[b].slot; });
  std::int64_t end = -1;
  for (std::size_t k = 0; k < scratch.size(); ++k) {
    const ir::Buffer& buffer = code_.plan.buffers[scratch[k]];
    if (k > 0 && buffer.slot < end) group[scratch[k]] = group[scratch[k - 1]];
    end = std::max(end, buffer.slot + buffer.bytes);
  }
  ir::visit_nodes(code_.program.body, [&](const ir::Node& node) {
    const auto* loop = std::get_if<ir::Loop>(&node.kind);
    if (loop == nullptr) return;
    const ir::LoopPlan& plan = code_.plan.loops.at(node.id);
    for (std::size_t k = 0; k < loop->carries.size(); ++k) {
      if (plan.carries[k] != ir::CarryMode::doubled) continue;
      const std::size_t from = group[placement(loop->carries[k].argument).buffer];
      const std::size_t to = group[placement(loop->carries[k].next).buffer];
      for (std::size_t& member : group)
        if (member == from) member = to;
    }
  });
  llvm::MDBuilder metadata(code_.context);
  llvm::MDNode* domain = metadata.createAnonymousAliasScopeDomain("program");
  std::map<std::size_t, llvm::MDNode*> scope_of_group;
  for (std::size_t k = 0; k < count; ++k) {
    const ir::Storage storage = code_.plan.buffers[k].storage;
    if (storage == ir::Storage::registers || storage == ir::Storage::stack) continue;
    if (scope_of_group.size() >= limit && !scope_of_group.contains(group[k])) group[k] = count;
    llvm::MDNode*& scope = scope_of_group[group[k]];
    if (scope == nullptr) scope = metadata.createAnonymousAliasScope(domain, "buffer");
  }
  std::map<std::size_t, llvm::MDNode*> others;
  for (const auto& [number, scope] : scope_of_group) {
    llvm::SmallVector<llvm::Metadata*, 16> list;
    for (const auto& [other_number, other] : scope_of_group)
      if (other_number != number) list.push_back(other);
    others[number] = llvm::MDNode::get(code_.context, list);
  }
  scopes_.assign(count, {nullptr, nullptr});
  for (std::size_t k = 0; k < count; ++k)
    if (const auto scope = scope_of_group.find(group[k]); scope != scope_of_group.end())
      scopes_[k] = {llvm::MDNode::get(code_.context, {scope->second}), others[group[k]]};
}

void Arrays::refresh(ir::ArrayId array) {
  const ir::Placement& place = placement(array);
  Value* base = buffers_[place.buffer];
  if (base == nullptr) return;
  llvm::Type* type = code_.memory_type(info(array).dtype);
  const std::int64_t copies = per_lane(array) && loop_lanes != nullptr ? loop_lanes->lanes.width : 1;
  for (const ir::Placement::LoopStride& stride : place.loop_strides) {
    const auto position = positions_.find(stride.loop);
    if (position == positions_.end()) return;
    base = code_.builder.CreateGEP(type, base,
                                   code_.builder.CreateMul(position->second, code_.integer(stride.stride * copies)));
  }
  if (place.offset != 0) base = code_.builder.CreateGEP(type, base, code_.integer(place.offset * copies));
  pointers_[array] = base;
}

void Arrays::set_position(ir::NodeId loop, Value* position) {
  positions_[loop] = position;
  if (const auto moved = moved_by_.find(loop); moved != moved_by_.end())
    for (ir::ArrayId array : moved->second) refresh(array);
}

void Arrays::set_buffer_pointer(ir::BufferId buffer, Value* pointer) {
  buffers_[buffer] = pointer;
  for (ir::ArrayId array : in_buffer_[buffer]) refresh(array);
}

void Arrays::clear_position(ir::NodeId loop) {
  positions_.erase(loop);
  if (const auto moved = moved_by_.find(loop); moved != moved_by_.end())
    for (ir::ArrayId array : moved->second) pointers_[array] = nullptr;
}

Arrays::BufferState Arrays::buffer_state(ir::BufferId buffer) const {
  BufferState state{buffer, buffers_[buffer], {}};
  for (ir::ArrayId array : in_buffer_[buffer]) state.arrays.push_back(pointers_[array]);
  return state;
}

void Arrays::restore(const BufferState& state) {
  buffers_[state.buffer] = state.pointer;
  for (std::size_t k = 0; k < state.arrays.size(); ++k) pointers_[in_buffer_[state.buffer][k]] = state.arrays[k];
}

void Arrays::unbind() {
  for (const ir::BufferId k : bound_) {
    buffers_[k] = aligned_[k] = nullptr;
    for (const ir::ArrayId array : in_buffer_[k]) pointers_[array] = nullptr;
  }
}

Arrays::Bindings Arrays::bindings() const {
  Bindings result{bound_, {}, positions_, scalars_};
  for (const ir::BufferId k : bound_) {
    result.pointers.push_back(buffers_[k]);
    result.pointers.push_back(aligned_[k]);
    for (const ir::ArrayId array : in_buffer_[k]) result.pointers.push_back(pointers_[array]);
  }
  return result;
}

void Arrays::restore(Bindings bindings) {
  unbind();
  bound_ = std::move(bindings.buffers);
  auto pointer = bindings.pointers.begin();
  for (const ir::BufferId k : bound_) {
    buffers_[k] = *pointer++;
    aligned_[k] = *pointer++;
    for (const ir::ArrayId array : in_buffer_[k]) pointers_[array] = *pointer++;
  }
  positions_ = std::move(bindings.positions);
  scalars_ = std::move(bindings.scalars);
}

Arrays::Surroundings Arrays::surroundings(std::vector<ir::ArrayId> arrays) {
  Surroundings around;
  std::sort(arrays.begin(), arrays.end());
  arrays.erase(std::unique(arrays.begin(), arrays.end()), arrays.end());
  for (const auto& [loop, position] : positions_) around.loops.push_back(loop);
  std::sort(around.loops.begin(), around.loops.end());
  for (ir::ArrayId array : arrays)
    if (scalars_.contains(array) || in_registers(array))
      around.scalars.push_back(array);
    else
      around.buffers.push_back(placement(array).buffer);
  std::sort(around.buffers.begin(), around.buffers.end());
  around.buffers.erase(std::unique(around.buffers.begin(), around.buffers.end()), around.buffers.end());
  for (ir::NodeId loop : around.loops) around.values.push_back(positions_.at(loop));
  for (ir::ArrayId scalar : around.scalars) around.values.push_back(load_scalar(scalar));
  for (ir::BufferId buffer : around.buffers) around.values.push_back(buffers_[buffer]);
  around.arrays = std::move(arrays);
  return around;
}

void Arrays::enter(const Surroundings& surroundings, llvm::ArrayRef<Value*> values) {
  const auto next = [&] {
    Value* value = values.front();
    values = values.drop_front();
    return value;
  };
  positions_.clear();
  scalars_.clear();
  for (ir::NodeId loop : surroundings.loops) positions_[loop] = next();
  for (ir::ArrayId scalar : surroundings.scalars) scalars_[scalar] = next();
  for (ir::BufferId buffer : surroundings.buffers) buffers_[buffer] = next();
  for (ir::ArrayId array : surroundings.arrays) refresh(array);
}

Value* Arrays::base_pointer(ir::ArrayId array) {
  if (per_lane(array) && loop_lanes != nullptr && placement(array).loop_strides.empty()) refresh(array);
  if (pointers_[array] == nullptr)
    throw InternalError(fmt::format("cpu: array {} is used outside of the loop that moves it", array));
  return pointers_[array];
}

ElementNumber Arrays::element(ir::ArrayId array, const std::vector<ir::Index>& indices, const ir::Region& body,
                              const Point& point, llvm::ArrayRef<Value*> values) const {
  ElementNumber number;
  llvm::IRBuilder<>& builder = code_.builder;
  const int width = point.lanes.width;
  const auto add_scalar = [&](Value* value, std::int64_t weight) {
    if (value == nullptr || weight == 0) return;
    if (const auto known = known_integer(value)) {
      number.constant += *known * weight;
      return;
    }
    for (auto& term : number.terms)
      if (term.first == value) {
        term.second += weight;
        return;
      }
    number.terms.emplace_back(value, weight);
  };
  const auto add_lane = [&](std::size_t lane, std::int64_t amount) {
    if (number.lanes.empty()) number.lanes.assign(static_cast<std::size_t>(width), 0);
    number.lanes[lane] += amount;
  };
  for (std::size_t d = 0; d < indices.size(); ++d) {
    const std::int64_t weight = weights_[array][d];
    number.constant += weight * indices[d].offset;
    for (const ir::Index::Term& term : indices[d].terms) {
      const std::int64_t step = weight * term.coefficient;
      if (step == 0) continue;
      if (body.ops[term.op].opcode == ir::Opcode::axis) {
        const AxisPoint& axis = point.axes[body.ops[term.op].immediate];
        add_scalar(axis.base, step);
        add_scalar(axis.origin, step);
        for (std::size_t lane = 0; lane < axis.offsets.size(); ++lane) add_lane(lane, step * axis.offsets[lane]);
        continue;
      }
      Value* value = values[term.op];
      if (!is_vector(value)) {
        add_scalar(value, step);
        continue;
      }
      if (const auto* known = llvm::dyn_cast<llvm::ConstantDataVector>(value)) {
        for (unsigned lane = 0; lane < known->getNumElements(); ++lane)
          add_lane(lane, step * known->getElementAsAPInt(lane).getSExtValue());
        continue;
      }
      Value* scaled = step == 1 ? value : builder.CreateMul(value, code_.splat(code_.integer(step), width));
      number.varying = number.varying == nullptr ? scaled : builder.CreateAdd(number.varying, scaled);
    }
  }
  return number;
}

Value* Arrays::number_value(const ElementNumber& number, int width) {
  llvm::IRBuilder<>& builder = code_.builder;
  Value* sum = code_.integer(number.constant);
  for (const auto& [value, coefficient] : number.terms)
    sum = builder.CreateAdd(sum, builder.CreateMul(value, code_.integer(coefficient)));
  if (!number.lanes.empty() && width > 1)
    sum = builder.CreateAdd(code_.splat(sum, width), code_.integers(number.lanes));
  if (number.varying != nullptr) sum = builder.CreateAdd(code_.splat(sum, width), number.varying);
  return sum;
}

Value* Arrays::load_scalar(ir::ArrayId array) {
  return load(array, {}, {});
}

}  // namespace jaxc::cpu
