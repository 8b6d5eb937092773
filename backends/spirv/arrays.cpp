// Index arithmetic from placements: 32 bits wide where a buffer's size allows, else 64.
#include "backends/spirv/arrays.h"

#include <fmt/format.h>

#include "ir/placement.h"
#include "jaxc/error.h"

namespace jaxc::spirv {

using ir::ArrayId;
using ir::Buffer;
using ir::BufferId;
using ir::Placement;
using ir::Storage;

AddressTable::AddressTable(const ir::Plan& plan) {
  for (BufferId buffer = 0; buffer < plan.buffers.size(); ++buffer) {
    const Storage storage = plan.buffers[buffer].storage;
    if (storage == Storage::input || storage == Storage::output || storage == Storage::constant) {
      buffers.emplace(buffer, 2 + static_cast<std::int64_t>(buffers.size()));
    }
  }
}

bool Arrays::is_global(Storage storage) const {
  return storage == Storage::input || storage == Storage::output || storage == Storage::constant ||
         storage == Storage::scratch;
}

void Arrays::bind(const std::set<ArrayId>& arrays, const AddressTable& table, Value table_address) {
  const auto entry = [&](std::int64_t number) {
    const Value slot = module_.binary(IntegerBinary::add, table_address, module_.integer(Kind::i64, 8 * number));
    return module_.load(Kind::i64, slot, Sharing::invocation);
  };
  const Value scratch = entry(AddressTable::scratch);
  state_ = entry(AddressTable::state);
  for (const ArrayId array : arrays) {
    const BufferId id = plan_.placements[array].buffer;
    if (bases_.contains(id) || locals_.contains(id)) continue;
    const Buffer& buffer = plan_.buffers[id];
    if (buffer.storage == Storage::scratch) {
      bases_.emplace(id, module_.binary(IntegerBinary::add, scratch, module_.integer(Kind::i64, buffer.slot)));
    } else if (is_global(buffer.storage)) {
      bases_.emplace(id, entry(table.buffers.at(id)));
    } else {
      Local local;
      local.kind = memory_kind_of(program_.arrays[array].dtype);
      const std::int64_t length = std::max<std::int64_t>(1, buffer.bytes / kind_bytes(local.kind));
      if (buffer.storage == Storage::shared) {
        local.array = module_.shared_array(local.kind, length);
      } else if (buffer.storage == Storage::stack) {
        local.array = module_.private_array(local.kind, length);
      } else {
        for (std::int64_t i = 0; i < length; ++i) local.elements.push_back(module_.variable(local.kind));
      }
      locals_.emplace(id, std::move(local));
    }
  }
}

std::int64_t Arrays::count(ArrayId array) const {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape(array)) product *= extent;
  return product;
}

bool Arrays::is_local(ArrayId array) const {
  return !is_global(plan_.buffers[plan_.placements[array].buffer].storage);
}

Extent Arrays::extent(ArrayId array) const {
  const BufferId id = plan_.placements[array].buffer;
  const Buffer& buffer = plan_.buffers[id];
  if (buffer.storage == Storage::scratch)
    return {0, buffer.slot, buffer.slot + std::max<std::int64_t>(1, buffer.bytes)};
  return {1 + static_cast<std::int64_t>(id), 0, std::max<std::int64_t>(1, buffer.bytes)};
}

bool Arrays::same_place(ArrayId left, ArrayId right) const {
  return ir::same_place(program_, plan_, left, right);
}

Value Arrays::element_number(ArrayId array, std::span<const Value> indices, Kind kind) {
  const Placement& placement = plan_.placements[array];
  if (indices.size() != placement.strides.size()) throw InternalError("spirv: wrong number of indices");
  Value number = module_.integer(kind, placement.offset);
  const auto add = [&](Value index, std::int64_t stride) {
    const Value term =
        module_.binary(IntegerBinary::multiply, module_.resize_signed(index, kind), module_.integer(kind, stride));
    number = module_.binary(IntegerBinary::add, number, term);
  };
  for (const auto& [loop, stride] : placement.loop_strides) {
    const auto position = positions_.find(loop);
    if (position == positions_.end()) throw InternalError("spirv: a slice is used outside its loop");
    add(position->second, stride);
  }
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (shape(array)[i] != 1) add(indices[i], placement.strides[i]);
  }
  return number;
}

Value Arrays::address(ArrayId array, std::span<const Value> indices) {
  const BufferId id = plan_.placements[array].buffer;
  const std::int64_t bytes = kind_bytes(memory_kind_of(program_.arrays[array].dtype));
  const std::int64_t size = std::max(plan_.buffers[id].bytes, bytes * count(array));
  const Kind kind = size < (std::int64_t{1} << 31) ? Kind::i32 : Kind::i64;
  const Value number = element_number(array, indices, kind);
  const Value offset = module_.binary(IntegerBinary::multiply, number, module_.integer(kind, bytes));
  return module_.binary(IntegerBinary::add, bases_.at(id), module_.resize_unsigned(offset, Kind::i64));
}

Sharing Arrays::sharing_of(BufferId buffer) const {
  const Storage storage = plan_.buffers[buffer].storage;
  return storage == Storage::input || storage == Storage::constant ? Sharing::invocation : sharing_;
}

Variable& Arrays::element(Local& local, Value number) {
  const auto constant = module_.constant_of(number);
  if (!constant || *constant < 0 || *constant >= static_cast<std::int64_t>(local.elements.size())) {
    throw InternalError("spirv: an array in registers is indexed by a value");
  }
  return local.elements[static_cast<std::size_t>(*constant)];
}

Value Arrays::retype(Value value, Kind kind) {
  return value.kind == kind ? value : module_.bitcast(value, kind);
}

std::optional<Value> Arrays::known_element(ArrayId array, std::span<const Value> indices) const {
  const auto found = elements_.find(array);
  if (found == elements_.end()) return std::nullopt;
  const std::vector<int>& lanes = plan_.placements[array].lane_dimensions;
  std::int64_t number = 0;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (std::find(lanes.begin(), lanes.end(), static_cast<int>(i)) != lanes.end()) continue;
    const auto index = shape(array)[i] == 1 ? 0 : module_.constant_of(indices[i]);
    if (!index) return std::nullopt;
    number = number * shape(array)[i] + *index;
  }
  return found->second.at(static_cast<std::size_t>(number));
}

Value Arrays::load(ArrayId array, std::span<const Value> indices) {
  if (const auto scalar = scalars_.find(array); scalar != scalars_.end()) return scalar->second;
  if (const auto known = known_element(array, indices)) return *known;
  const BufferId id = plan_.placements[array].buffer;
  const DType dtype = program_.arrays[array].dtype;
  const Kind kind = memory_kind_of(dtype);
  const auto local = locals_.find(id);
  if (local == locals_.end()) {
    return arithmetic_.from_memory(module_.load(kind, address(array, indices), sharing_of(id)), dtype);
  }
  const Value number = element_number(array, indices, Kind::i32);
  const Value value =
      local->second.array ? module_.read(*local->second.array, number) : module_.read(element(local->second, number));
  return arithmetic_.from_memory(retype(value, kind), dtype);
}

void Arrays::store(ArrayId array, std::span<const Value> indices, Value value) {
  const BufferId id = plan_.placements[array].buffer;
  const Value stored = arithmetic_.to_memory(value);
  const auto local = locals_.find(id);
  if (local == locals_.end()) {
    module_.store(stored, address(array, indices), sharing_of(id));
    return;
  }
  const Value number = element_number(array, indices, Kind::i32);
  if (local->second.array) {
    module_.write(*local->second.array, number, retype(stored, local->second.kind));
  } else {
    module_.write(element(local->second, number), retype(stored, local->second.kind));
  }
}

}  // namespace jaxc::spirv
