// Runs blocks, nests, reshapes, branches, and the moves between places.
#include "backends/reference/interpreter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "ir/overloaded.h"
#include "jaxc/error.h"

namespace jaxc::reference {

using ir::ArrayId;
using ir::AxisKind;
using ir::Nest;

namespace {

// A number that looks random (the finalizer of splitmix64).
std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

}  // namespace

Interpreter::Interpreter(const ir::Program& program, const ir::Plan& plan, const CompiledProgram& compiled,
                         std::span<const Array> inputs, const Options& options)
    : program_(program),
      plan_(plan),
      compiled_(compiled),
      options_(options),
      memory_(program, plan, compiled.aliases, inputs, {options.check_placement, options.check_races}),
      frame_(compiled.scalars.frame()),
      positions_(program.node_count, 0),
      random_(options.seed),
      located_(program.arrays.size()),
      located_at_(program.arrays.size(), 0) {}

std::vector<Array> Interpreter::run() {
  block(program_.body);
  std::vector<Array> outputs;
  for (const ir::Interface& output : program_.outputs) {
    Array value(output.type);
    const std::span<std::byte> bytes = value.mutable_bytes();
    const Located place = locate(output.array);
    const Shape& extents = shape(output.array);
    const std::int64_t count = element_count(extents);
    for (std::int64_t number = 0; number < count; ++number) {
      std::int64_t rest = number;
      std::int64_t offset = 0;
      for (std::size_t k = extents.size(); k-- > 0; rest /= extents[k]) offset += rest % extents[k] * place.strides[k];
      const Value element = memory_.read(place, offset);
      std::memcpy(bytes.data() + static_cast<std::size_t>(number) * place.width, &element, place.width);
    }
    outputs.push_back(std::move(value));
  }
  return outputs;
}

void Interpreter::block(const ir::Block& block) {
  for (const ir::Node& node : block.nodes) this->node(node);
}

void Interpreter::node(const ir::Node& node) {
  try {
    std::visit(ir::Overloaded{
                   [&](const Nest& kind) { nest(kind, compiled_.nests.at(node.id), node.id); },
                   [&](const ir::Reshape& kind) { reshape(kind, compiled_.reshapes.at(node.id)); },
                   [&](const ir::Loop& kind) { loop(kind, compiled_.loops.at(node.id), node.id); },
                   [&](const ir::Branch& kind) { branch(kind, compiled_.branches.at(node.id)); },
                   [&](const ir::Routine& kind) { block(kind.expansion); },
               },
               node.kind);
  } catch (const InternalError& error) {
    const std::string_view message = error.what();
    if (message.starts_with("node ")) throw;
    throw InternalError(
        fmt::format("node {} (line {}:{}): {}", node.id, node.location.line, node.location.column, message));
  }
}

Value Interpreter::read(const Access& access, const Value* frame) {
  if (located_at_[access.array] != memory_.now()) {
    located_[access.array] = locate(access.array);
    located_at_[access.array] = memory_.now();
  }
  const Located& place = located_[access.array];
  const Shape& extents = shape(access.array);
  std::int64_t number = 0;
  for (std::size_t k = 0; k < extents.size(); ++k) {
    const std::int64_t index = access.indices[k].value(frame);
    if (index < 0 || index >= extents[k])
      throw InternalError(fmt::format("a{} is read at index {} of dimension {}, whose extent is {}", access.array,
                                      index, k, extents[k]));
    number += index * place.strides[k];
  }
  return memory_.read(place, number);
}

Interpreter::Domain Interpreter::domain(const Nest& nest, const NestCode& code, AxisKind kind) const {
  Domain result;
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
    if (nest.axes[axis].kind != kind) continue;
    std::int64_t extent = nest.axes[axis].extent;
    std::int64_t start = 0;
    for (std::size_t lane = 0; lane < lane_.size() && lane < code.lane_axes.size(); ++lane) {
      if (code.lane_axes[lane] != static_cast<int>(axis)) continue;
      start = lane_[lane];
      extent = 1;
    }
    result.axes.push_back(static_cast<int>(axis));
    result.extents.push_back(extent);
    result.starts.push_back(start);
    result.count *= static_cast<std::uint64_t>(extent);
  }
  return result;
}

void Interpreter::set_axes(const Domain& domain, std::uint64_t number, const NestCode& code) {
  for (std::size_t k = domain.axes.size(); k-- > 0;) {
    const auto extent = static_cast<std::uint64_t>(domain.extents[k]);
    frame_[code.body.axes[static_cast<std::size_t>(domain.axes[k])]] =
        number % extent + static_cast<std::uint64_t>(domain.starts[k]);
    number /= extent;
  }
}

std::uint64_t Interpreter::Order::at(std::uint64_t number) const {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(factor) * number + shift) % count);
}

Interpreter::Order Interpreter::random_order(std::uint64_t count) {
  if (count < 2) return {1, 0, std::max<std::uint64_t>(count, 1)};
  Order order{random_() % count, random_() % count, count};
  while (std::gcd(order.factor, count) != 1) order.factor = (order.factor + 1) % count;
  return order;
}

void Interpreter::nest(const Nest& nest, const NestCode& code, ir::NodeId id) {
  std::vector<Move> moves;
  for (std::size_t k = 0; k < nest.outputs.size(); ++k)
    if (code.stores[k].moves_base)
      moves.push_back(move(*nest.outputs[k].base, nest.outputs[k].result, lane_dimensions(nest.outputs[k].result)));
  run_moves(moves);
  memory_.begin();
  stored_.assign(nest.outputs.size(), {});
  for (std::size_t k = 0; k < nest.outputs.size(); ++k) {
    memory_.assigned(nest.outputs[k].result);
    if (options_.check_placement && !nest.outputs[k].base)
      stored_[k].assign(static_cast<std::size_t>(element_count(shape(nest.outputs[k].result))), false);
  }
  if (nest.reduction)
    reduce_points(nest, code, id);
  else
    map_points(nest, code);
  memory_.set_point(std::nullopt);
  for (std::size_t k = 0; k < nest.outputs.size(); ++k) {
    const ArrayId result = nest.outputs[k].result;
    for (std::size_t element = 0; element < stored_[k].size(); ++element)
      if (!stored_[k][element] && in_lane(static_cast<std::int64_t>(element), shape(result), lane_dimensions(result)))
        throw InternalError(fmt::format("element {} of a{} is not stored", element, result));
  }
}

void Interpreter::map_points(const Nest& nest, const NestCode& code) {
  const Domain parallel = domain(nest, code, AxisKind::parallel);
  const Domain ordered = domain(nest, code, AxisKind::ordered);
  const Order order = random_order(parallel.count);
  for (std::uint64_t step = 0; step < parallel.count; ++step) {
    const std::uint64_t point = order.at(step);
    memory_.set_point(static_cast<std::uint32_t>(point));
    set_axes(parallel, point, code);
    for (std::uint64_t inner = 0; inner < ordered.count; ++inner) {
      set_axes(ordered, inner, code);
      compiled_.scalars.execute(code.body, frame_.data(), this);
      for (std::size_t k = 0; k < code.stores.size(); ++k) store(nest, code, k, frame_[code.body.results[k]]);
    }
  }
}

// With merge, each point goes to one of a few groups at random; the groups are merged in random order. The choice
// depends on the seed, the place in the program and the point, so that lanes that repeat a reduction agree.
void Interpreter::reduce_points(const Nest& nest, const NestCode& code, ir::NodeId id) {
  const Domain parallel = domain(nest, code, AxisKind::parallel);
  const Domain reduced = domain(nest, code, AxisKind::reduced);
  const Order order = random_order(parallel.count);
  const std::size_t accumulators = nest.reduction->initial.size();
  std::uint64_t place = options_.seed ^ (std::uint64_t{id} << 32);
  for (std::int64_t position : positions_) place = mixed(place + static_cast<std::uint64_t>(position));
  const std::size_t groups = nest.reduction->merge ? 1 + mixed(place) % 4 : 1;
  std::vector<std::vector<Value>> partial(groups, std::vector<Value>(accumulators));
  const Code& step = *code.step;
  for (std::uint64_t count = 0; count < parallel.count; ++count) {
    const std::uint64_t point = order.at(count);
    memory_.set_point(static_cast<std::uint32_t>(point));
    set_axes(parallel, point, code);
    std::uint64_t choice = mixed(place + point);
    for (std::size_t group = 0; group < groups; ++group)
      for (std::size_t k = 0; k < accumulators; ++k)
        partial[group][k] = group == 0 ? nest.reduction->initial[k].bits : code.stores[k].merge_identity;
    for (std::uint64_t inner = 0; inner < reduced.count; ++inner) {
      set_axes(reduced, inner, code);
      compiled_.scalars.execute(code.body, frame_.data(), this);
      std::vector<Value>& values = partial[(choice = mixed(choice)) % groups];
      for (std::size_t k = 0; k < accumulators; ++k) frame_[step.arguments[k]] = values[k];
      for (std::size_t k = 0; k < code.body.results.size(); ++k)
        frame_[step.arguments[accumulators + k]] = frame_[code.body.results[k]];
      compiled_.scalars.execute(step, frame_.data(), nullptr);
      for (std::size_t k = 0; k < accumulators; ++k) values[k] = frame_[step.results[k]];
    }
    std::rotate(partial.begin(), partial.begin() + static_cast<std::ptrdiff_t>(choice % groups), partial.end());
    for (std::size_t k = 0; k < accumulators; ++k) {
      Value value = partial[0][k];
      for (std::size_t group = 1; group < groups; ++group) value = code.stores[k].merge(value, partial[group][k], 0);
      store(nest, code, k, value);
    }
  }
}

void Interpreter::store(const Nest& nest, const NestCode& code, std::size_t output, Value value) {
  const StoreCode& store = code.stores[output];
  if (store.guard && frame_[*store.guard] == 0) return;
  const ArrayId result = nest.outputs[output].result;
  if (located_at_[result] != memory_.now()) {
    located_[result] = locate(result);
    located_at_[result] = memory_.now();
  }
  const Located& place = located_[result];
  const Shape& extents = shape(result);
  std::int64_t number = 0;
  std::int64_t element = 0;
  for (std::size_t k = 0; k < extents.size(); ++k) {
    const std::int64_t index = store.indices[k].value(frame_.data());
    if (index < 0 || index >= extents[k])
      throw InternalError(
          fmt::format("a{} is stored at index {} of dimension {}, whose extent is {}", result, index, k, extents[k]));
    number += index * place.strides[k];
    element = element * extents[k] + index;
  }
  if (store.combine) {
    frame_[store.combine->arguments[0]] = memory_.read(place, number);
    frame_[store.combine->arguments[1]] = value;
    compiled_.scalars.execute(*store.combine, frame_.data(), nullptr);
    value = frame_[store.combine->results[0]];
  }
  memory_.write(place, number, value);
  if (options_.work != nullptr) ++options_.work->stored;
  std::vector<bool>& stored = stored_[output];
  if (stored.empty()) return;
  if (stored[static_cast<std::size_t>(element)])
    throw InternalError(fmt::format("element {} of a{} is stored twice", element, result));
  stored[static_cast<std::size_t>(element)] = true;
}

bool Interpreter::in_lane(std::int64_t number, const Shape& shape, std::span<const int> lanes) const {
  if (lane_.empty() || lanes.empty()) return true;
  for (std::size_t k = shape.size(); k-- > 0; number /= shape[k])
    for (std::size_t lane = 0; lane < lanes.size() && lane < lane_.size(); ++lane)
      if (lanes[lane] == static_cast<int>(k) && number % shape[k] != lane_[lane]) return false;
  return true;
}

Located Interpreter::slice(ArrayId whole, int axis, std::int64_t position) const {
  Located place = locate(whole);
  place.base += place.strides[static_cast<std::size_t>(axis)] * position * static_cast<std::int64_t>(place.width);
  place.strides.erase(place.strides.begin() + axis);
  return place;
}

Interpreter::Move Interpreter::move(ArrayId from, ArrayId to, std::span<const int> lanes) const {
  return {locate(from), shape(from), locate(to), shape(to), lanes};
}

void Interpreter::run_moves(std::span<const Move> moves) {
  if (moves.empty()) return;
  memory_.begin();
  const auto offset = [](std::int64_t number, const Shape& shape, const Located& place) {
    std::int64_t result = 0;
    for (std::size_t k = shape.size(); k-- > 0; number /= shape[k]) result += number % shape[k] * place.strides[k];
    return result;
  };
  const auto visit = [&](const Move& move, const auto& use) {
    const std::int64_t count = element_count(move.to_shape);
    for (std::int64_t number = 0; number < count; ++number)
      if (in_lane(number, move.to_shape, move.lanes)) use(number);
  };
  std::vector<Value> values;
  for (const Move& move : moves)
    visit(move, [&](std::int64_t number) {
      values.push_back(memory_.read(move.from, offset(number, move.from_shape, move.from)));
    });
  if (options_.work != nullptr) options_.work->moved += std::ssize(values);
  auto value = values.begin();
  for (const Move& move : moves)
    visit(move, [&](std::int64_t number) { memory_.write(move.to, offset(number, move.to_shape, move.to), *value++); });
}

void Interpreter::reshape(const ir::Reshape& reshape, bool moves) {
  if (moves) {
    const Move all = move(reshape.source, reshape.result, lane_dimensions(reshape.result));
    run_moves({&all, 1});
  }
  memory_.begin();
  memory_.assigned(reshape.result);
}

Value Interpreter::scalar(ArrayId array) {
  return memory_.read(locate(array), 0);
}

void Interpreter::branch(const ir::Branch& branch, const std::vector<std::vector<bool>>& moves) {
  const auto wanted = static_cast<std::int32_t>(scalar(branch.index));
  const std::int64_t last = std::ssize(branch.blocks) - 1;
  const auto chosen = static_cast<std::size_t>(std::clamp<std::int64_t>(wanted, 0, last));
  const ir::Block& block = branch.blocks[chosen];
  this->block(block);
  std::vector<Move> open;
  for (std::size_t k = 0; k < branch.results.size(); ++k)
    if (moves[chosen][k]) open.push_back(move(block.results[k], branch.results[k], lane_dimensions(branch.results[k])));
  run_moves(open);
  memory_.begin();
  for (ArrayId result : branch.results) memory_.assigned(result);
}

}  // namespace jaxc::reference
