// Writes copies, reshapes and slices as nests.
#include "backends/llvm/mover.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "backends/llvm/nest.h"
#include "ir/region_builder.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

namespace {

/// Largest array, in bytes, that is saved on the stack.
constexpr std::int64_t exchange_limit = 1 << 16;

using ir::Index;
using ir::OpId;

Index axis_index(OpId axis, std::int64_t coefficient = 1) {
  return Index{0, {Index::Term{coefficient, axis}}};
}

std::vector<ir::Axis> parallel_axes(const Shape& shape) {
  std::vector<ir::Axis> axes;
  for (std::int64_t extent : shape) axes.push_back({extent, ir::AxisKind::parallel});
  return axes;
}

/// Extents that both shapes are products of, outermost first; nothing when there are none.
std::optional<Shape> common_factors(const Shape& left, const Shape& right) {
  Shape factors;
  std::size_t i = 0;
  std::size_t j = 0;
  std::int64_t a = 1;
  std::int64_t b = 1;
  while (true) {
    while (a == 1 && i < left.size()) a = left[i++];
    while (b == 1 && j < right.size()) b = right[j++];
    if (a == 1 && b == 1) return factors;
    const std::int64_t factor = std::min(a, b);
    if (factor == 0 || a % factor != 0 || b % factor != 0 || factor == 1) return std::nullopt;
    factors.push_back(factor);
    a /= factor;
    b /= factor;
  }
}

/// Each dimension as a sum of factor axes; also which factor is a whole dimension.
std::vector<Index> factored(const Shape& shape, const Shape& factors, const std::vector<OpId>& axes) {
  std::vector<Index> indices;
  std::size_t next = 0;
  for (std::int64_t extent : shape) {
    Index index;
    for (std::int64_t rest = extent; rest > 1; ++next) {
      rest /= factors[next];
      index.terms.push_back({rest, axes[next]});
    }
    indices.push_back(std::move(index));
  }
  return indices;
}

}  // namespace

void Mover::copy(const ir::Nest& nest, ir::ArrayId from, ir::ArrayId to) {
  ir::NestPlan plan;
  plan.axes.resize(nest.axes.size());
  const bool registers = arrays_.in_registers(from) || arrays_.in_registers(to);
  const auto element = static_cast<std::int64_t>(element_bytes(arrays_.info(to).dtype));
  const std::int64_t width = std::max<std::int64_t>(code_.vector_bits / 8 / element, 1);
  bool loop_lane = false;
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
    plan.order.push_back(static_cast<int>(axis));
    plan.axes[axis].schedule = registers ? ir::Schedule::unrolled : ir::Schedule::serial;
    if (arrays_.loop_lanes == nullptr) continue;
    const auto lanes = [&](ir::ArrayId array, const std::vector<Index>& indices) {
      for (std::size_t d = 0; d < indices.size(); ++d)
        for (const Index::Term& term : indices[d].terms) {
          const ir::ScalarOp& op = nest.body.ops[term.op];
          if (op.opcode == ir::Opcode::axis && op.immediate == axis && arrays_.lane_axis(array, static_cast<int>(d)))
            return true;
        }
      return false;
    };
    bool is_lane = lanes(to, nest.outputs[0].indices);
    for (const ir::ScalarOp& op : nest.body.ops)
      if (op.opcode == ir::Opcode::read && op.array == from) is_lane = is_lane || lanes(from, op.indices);
    if (is_lane) plan.axes[axis].schedule = ir::Schedule::loop_lane;
    loop_lane = loop_lane || is_lane;
  }
  if (!loop_lane && !nest.axes.empty() && nest.axes.back().extent > 1) {
    plan.axes.back().schedule = ir::Schedule::lanes;
    plan.axes.back().width = static_cast<int>(
        std::min(width, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(nest.axes.back().extent)))));
  }
  NestEmitter(code_, arrays_, nest, plan).emit();
}

bool Mover::dense(ir::ArrayId array) const {
  const Shape& shape = arrays_.info(array).shape;
  std::int64_t stride = 1;
  for (std::size_t d = shape.size(); d-- > 0; stride *= shape[d])
    if (shape[d] > 1 && arrays_.placement(array).strides[d] != stride) return false;
  return true;
}

void Mover::move(ir::ArrayId from, ir::ArrayId to) {
  if (arrays_.same_place(from, to)) return;
  if (arrays_.in_registers(from) && arrays_.in_registers(to) && arrays_.per_lane(from) == arrays_.per_lane(to)) {
    arrays_.registers(to) = arrays_.registers(from);
    return;
  }
  ir::RegionBuilder builder;
  std::vector<Index> indices;
  const Shape& shape = arrays_.info(to).shape;
  for (std::size_t d = 0; d < shape.size(); ++d) indices.push_back(axis_index(builder.axis(static_cast<int>(d))));
  const OpId value = builder.read(arrays_.info(to).dtype, from, indices);
  ir::Nest nest;
  nest.axes = parallel_axes(shape);
  nest.outputs.push_back({to, std::nullopt, indices, std::nullopt, std::nullopt});
  nest.body = builder.finish({value});
  copy(nest, from, to);
}

void Mover::move_all(llvm::ArrayRef<Move> moves) {
  const auto buffer = [&](ir::ArrayId array) { return arrays_.placement(array).buffer; };
  llvm::SmallVector<Move, 8> pending;
  for (const Move& each : moves) {
    if (arrays_.in_registers(each.to))
      move(each.from, each.to);
    else if (!arrays_.same_place(each.from, each.to))
      pending.push_back(each);
  }
  while (!pending.empty()) {
    const auto* safe = std::find_if(pending.begin(), pending.end(), [&](const Move& each) {
      return std::none_of(pending.begin(), pending.end(),
                          [&](const Move& other) { return &other != &each && buffer(other.from) == buffer(each.to); });
    });
    if (safe == pending.end()) return exchange(pending);
    move(safe->from, safe->to);
    pending.erase(safe);
  }
}

void Mover::exchange(llvm::ArrayRef<Move> moves) {
  const auto bytes_of = [&](const Move& each) { return code_.plan.buffers[arrays_.placement(each.from).buffer].bytes; };
  if (std::any_of(moves.begin(), moves.end(), [&](const Move& each) { return bytes_of(each) > exchange_limit; }))
    return exchange_elements(moves);
  llvm::SmallVector<llvm::Value*, 8> saved;
  for (const Move& each : moves) {
    const ir::BufferId id = arrays_.placement(each.from).buffer;
    const std::int64_t bytes = bytes_of(each);
    saved.push_back(code_.frame_memory(bytes));
    code_.builder.CreateMemCpy(saved.back(), llvm::Align(64), arrays_.buffer_pointer(id), llvm::Align(1),
                               static_cast<std::uint64_t>(bytes));
  }
  for (std::size_t k = 0; k < moves.size(); ++k) {
    const Arrays::BufferState state = arrays_.buffer_state(arrays_.placement(moves[k].from).buffer);
    arrays_.set_buffer_pointer(state.buffer, saved[k]);
    if (arrays_.placement(moves[k].to).buffer == state.buffer)
      throw InternalError("cpu: arrays exchange slices of one buffer");
    move(moves[k].from, moves[k].to);
    arrays_.restore(state);
  }
}

void Mover::exchange_elements(llvm::ArrayRef<Move> moves) {
  for (const Move& each : moves)
    for (const Move& other : moves)
      if (arrays_.loop_lanes != nullptr || (arrays_.placement(other.from).buffer == arrays_.placement(each.to).buffer &&
                                            !arrays_.same_place(other.from, each.to)))
        throw InternalError(fmt::format("cpu: a{} cannot trade places with a{}", each.to, other.from));
  llvm::SmallVector<Move, 8> rest(moves.begin(), moves.end());
  while (!rest.empty()) {
    const Shape shape = arrays_.info(rest.front().to).shape;
    auto* const others = std::stable_partition(rest.begin(), rest.end(),
                                               [&](const Move& each) { return arrays_.info(each.to).shape == shape; });
    ir::RegionBuilder builder;
    std::vector<Index> indices;
    for (std::size_t d = 0; d < shape.size(); ++d) indices.push_back(axis_index(builder.axis(static_cast<int>(d))));
    ir::Nest nest;
    nest.axes = parallel_axes(shape);
    std::vector<OpId> values;
    for (const Move* each = rest.begin(); each != others; ++each) {
      values.push_back(builder.read(arrays_.info(each->to).dtype, each->from, indices));
      nest.outputs.push_back({each->to, std::nullopt, indices, std::nullopt, std::nullopt});
    }
    nest.body = builder.finish(values);
    copy(nest, rest.front().from, rest.front().to);
    rest.erase(rest.begin(), others);
  }
}

void Mover::reshape(ir::ArrayId from, ir::ArrayId to) {
  if (arrays_.in_registers(from) && arrays_.in_registers(to) && arrays_.per_lane(from) == arrays_.per_lane(to)) {
    arrays_.registers(to) = arrays_.registers(from);
    return;
  }
  const Shape& source = arrays_.info(from).shape;
  const Shape& target = arrays_.info(to).shape;
  const std::int64_t count = element_count(target);
  if (count == 0) return;
  std::optional<Shape> factors = common_factors(source, target);
  if (source == target) factors = source;
  ir::RegionBuilder builder;
  ir::Nest nest;
  std::vector<Index> reads;
  std::vector<Index> writes;
  if (source == target) {
    return move(from, to);
  } else if (factors) {
    nest.axes = parallel_axes(*factors);
    std::vector<OpId> axes;
    for (std::size_t k = 0; k < factors->size(); ++k) axes.push_back(builder.axis(static_cast<int>(k)));
    reads = factored(source, *factors, axes);
    writes = factored(target, *factors, axes);
    // The same strides along every factor mean the same place.
    const auto stride = [&](ir::ArrayId array, const std::vector<Index>& indices, OpId axis) {
      std::int64_t sum = 0;
      for (std::size_t d = 0; d < indices.size(); ++d)
        for (const Index::Term& term : indices[d].terms)
          if (term.op == axis) sum += term.coefficient * arrays_.placement(array).strides[d];
      return sum;
    };
    bool same = arrays_.same_buffer_start(from, to);
    for (OpId axis : axes) same = same && stride(from, reads, axis) == stride(to, writes, axis);
    if (same) return;
  } else {
    if (arrays_.same_buffer_start(from, to) && dense(from) && dense(to)) return;
    nest.axes = parallel_axes({count});
    const OpId axis = builder.axis(0);
    const auto split = [&](const Shape& shape) {
      std::vector<Index> indices(shape.size());
      OpId rest = axis;
      for (std::size_t d = shape.size(); d-- > 0;) {
        const OpId extent = builder.integer(DType::i64, shape[d]);
        indices[d] = axis_index(d == 0 ? rest : builder.binary(ir::Opcode::rem, rest, extent));
        rest = builder.binary(ir::Opcode::div, rest, extent);
      }
      return indices;
    };
    reads = split(source);
    writes = split(target);
  }
  const OpId value = builder.read(arrays_.info(to).dtype, from, reads);
  nest.outputs.push_back({to, std::nullopt, writes, std::nullopt, std::nullopt});
  nest.body = builder.finish({value});
  copy(nest, from, to);
}

bool Mover::is_view(ir::ArrayId part, ir::ArrayId whole, int axis, ir::NodeId loop) const {
  if (arrays_.in_registers(part) || arrays_.placement(part).buffer != arrays_.placement(whole).buffer) return false;
  for (const ir::Placement::LoopStride& stride : arrays_.placement(part).loop_strides)
    if (stride.loop == loop) return stride.stride == arrays_.placement(whole).strides[static_cast<std::size_t>(axis)];
  return arrays_.info(whole).shape[static_cast<std::size_t>(axis)] == 1;
}

void Mover::slice_in(const ir::Node& node, const ir::StackedInput& input) {
  if (is_view(input.argument, input.source, input.axis, node.id)) return;
  const auto& loop = std::get<ir::Loop>(node.kind);
  ir::RegionBuilder builder;
  const Shape& shape = arrays_.info(input.argument).shape;
  std::vector<Index> writes;
  for (std::size_t d = 0; d < shape.size(); ++d) writes.push_back(axis_index(builder.axis(static_cast<int>(d))));
  std::vector<Index> reads = writes;
  reads.insert(reads.begin() + input.axis, axis_index(builder.read(DType::i64, loop.position, {})));
  const OpId value = builder.read(arrays_.info(input.argument).dtype, input.source, reads);
  ir::Nest nest;
  nest.axes = parallel_axes(shape);
  nest.outputs.push_back({input.argument, std::nullopt, writes, std::nullopt, std::nullopt});
  nest.body = builder.finish({value});
  copy(nest, input.source, input.argument);
}

void Mover::slice_out(const ir::Node& node, const ir::StackedOutput& output) {
  if (is_view(output.value, output.result, output.axis, node.id)) return;
  const auto& loop = std::get<ir::Loop>(node.kind);
  ir::RegionBuilder builder;
  const Shape& shape = arrays_.info(output.value).shape;
  std::vector<Index> reads;
  for (std::size_t d = 0; d < shape.size(); ++d) reads.push_back(axis_index(builder.axis(static_cast<int>(d))));
  std::vector<Index> writes = reads;
  writes.insert(writes.begin() + output.axis, axis_index(builder.read(DType::i64, loop.position, {})));
  const OpId value = builder.read(arrays_.info(output.value).dtype, output.value, reads);
  ir::Nest nest;
  nest.axes = parallel_axes(shape);
  // The slices of other steps stay: the result is its own base.
  nest.outputs.push_back({output.result, output.result, writes, std::nullopt, std::nullopt});
  nest.body = builder.finish({value});
  copy(nest, output.value, output.result);
}

}  // namespace jaxc::cpu
