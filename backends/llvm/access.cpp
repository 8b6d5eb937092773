// Loads and stores: one element, whole vectors, shuffled chunks, or gathers and scatters, whichever fits.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "backends/llvm/arrays.h"
#include "backends/llvm/permute.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

using llvm::Value;

namespace {

/// Steps beside which what a tile of lanes loads before them takes no time, so that the shortest code is best.
constexpr std::int64_t many_steps = 64;

}  // namespace

template <typename Instruction>
Instruction* Arrays::annotate(ir::ArrayId array, Instruction* access) {
  const auto& [scope, others] = scopes_[placement(array).buffer];
  if (scope != nullptr) {
    access->setMetadata(llvm::LLVMContext::MD_alias_scope, scope);
    access->setMetadata(llvm::LLVMContext::MD_noalias, others);
  }
  const ir::Storage where = storage(array);
  if (llvm::isa<llvm::LoadInst>(access) && (where == ir::Storage::input || where == ir::Storage::constant))
    access->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(code_.context, {}));
  return access;
}

Value* Arrays::from_memory(ir::ArrayId array, Value* value) {
  if (info(array).dtype != DType::boolean) return value;
  return code_.builder.CreateICmpNE(value, llvm::Constant::getNullValue(value->getType()));
}

Value* Arrays::to_memory(ir::ArrayId array, Value* value) {
  if (info(array).dtype != DType::boolean) return value;
  llvm::Type* type = code_.memory_type(DType::boolean);
  if (is_vector(value)) type = llvm::VectorType::get(type, llvm::cast<llvm::VectorType>(value->getType()));
  return code_.builder.CreateZExt(value, type);
}

Value* Arrays::address(ir::ArrayId array, const ElementNumber& number) {
  llvm::IRBuilder<>& builder = code_.builder;
  llvm::Type* type = code_.memory_type(info(array).dtype);
  const std::int64_t copies = per_lane(array) && loop_lanes != nullptr ? loop_lanes->lanes.width : 1;
  Value* pointer = base_pointer(array);
  for (const auto& [value, coefficient] : number.terms)
    pointer = builder.CreateGEP(type, pointer, builder.CreateMul(value, code_.integer(coefficient * copies)));
  if (number.constant != 0) pointer = builder.CreateGEP(type, pointer, code_.integer(number.constant * copies));
  return pointer;
}

Value* Arrays::lane_addresses(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes) {
  llvm::IRBuilder<>& builder = code_.builder;
  ElementNumber uniform = number;
  uniform.lanes.clear();
  uniform.varying = nullptr;
  Value* pointer = address(array, uniform);
  Value* offsets = number.varying;
  if (!number.lanes.empty()) {
    llvm::Constant* constants = code_.integers(number.lanes);
    offsets = offsets == nullptr ? static_cast<Value*>(constants) : builder.CreateAdd(offsets, constants);
  }
  if (offsets == nullptr) offsets = code_.splat(code_.integer(0), lanes.width);
  if (per_lane(array)) {
    std::vector<std::int64_t> lane_numbers;
    for (int lane = 0; lane < lanes.width; ++lane) lane_numbers.push_back(lane);
    offsets = builder.CreateAdd(builder.CreateMul(offsets, code_.splat(code_.integer(lanes.width), lanes.width)),
                                code_.integers(lane_numbers));
  }
  return builder.CreateGEP(code_.memory_type(info(array).dtype), pointer, offsets);
}

Value* Arrays::load_uniform(ir::ArrayId array, const ElementNumber& number, Value* guard) {
  llvm::IRBuilder<>& builder = code_.builder;
  llvm::Type* type = code_.memory_type(info(array).dtype);
  ElementNumber uniform = number;
  if (!uniform.lanes.empty()) uniform.constant += uniform.lanes[0];
  Value* pointer = address(array, uniform);
  const llvm::Align align(element_bytes(info(array).dtype));
  if (guard == nullptr) return from_memory(array, annotate(array, builder.CreateAlignedLoad(type, pointer, align)));
  // Where the guard fails, the load goes to a harmless place instead, which takes no branch.
  if (code_.harmless == nullptr) code_.harmless = code_.frame_memory(8);
  return from_memory(array,
                     builder.CreateAlignedLoad(type, builder.CreateSelect(guard, pointer, code_.harmless), align));
}

Value* Arrays::load_vector(ir::ArrayId array, Value* pointer, int width, Value* mask, Value* fallback) {
  llvm::IRBuilder<>& builder = code_.builder;
  auto* type = llvm::FixedVectorType::get(code_.memory_type(info(array).dtype), static_cast<unsigned>(width));
  const llvm::Align align(element_bytes(info(array).dtype));
  if (mask == nullptr) return from_memory(array, annotate(array, builder.CreateAlignedLoad(type, pointer, align)));
  Value* passthrough =
      fallback == nullptr ? llvm::Constant::getNullValue(type) : to_memory(array, code_.splat(fallback, width));
  return from_memory(array, annotate(array, builder.CreateMaskedLoad(type, pointer, align, mask, passthrough)));
}

Value* Arrays::load_apart(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes) {
  const auto chunk =
      static_cast<std::int64_t>(code_.vector_bits / 8) / static_cast<std::int64_t>(element_bytes(info(array).dtype));
  const auto valid = number.lanes.begin() + lanes.valid;
  const auto [low, high] = std::minmax_element(number.lanes.begin(), valid);
  const std::int64_t first = *low;
  const std::int64_t span = *high - first + 1;
  std::vector<Piece> elements;
  if (span > 4 * chunk) {
    // Far apart: one load each, which leaves loops more readily than a gather, and takes no longer.
    std::map<std::int64_t, Value*> known;
    for (auto offset = number.lanes.begin(); offset != valid; ++offset) {
      Value*& loaded = known[*offset];
      if (loaded == nullptr) {
        ElementNumber single = number;
        single.lanes = {*offset};
        loaded = load_uniform(array, single, nullptr);
      }
      elements.push_back({loaded, -1});
    }
    return assemble(elements, lanes.width);
  }
  std::map<std::int64_t, Value*> chunks;
  std::vector<Piece> pieces;
  for (auto offset = number.lanes.begin(); offset != valid; ++offset) {
    const std::int64_t index = (*offset - first) / chunk;
    Value*& loaded = chunks[index];
    if (loaded == nullptr) {
      ElementNumber start = number;
      start.lanes.clear();
      start.constant += first + index * chunk;
      const auto valid_elements = static_cast<int>(std::min(chunk, span - index * chunk));
      const auto width = static_cast<int>(std::bit_ceil(static_cast<unsigned>(valid_elements)));
      Value* mask = valid_elements < width ? code_.first_lanes(valid_elements, width) : nullptr;
      loaded = load_vector(array, address(array, start), width, mask, nullptr);
    }
    pieces.push_back({loaded, static_cast<int>((*offset - first) % chunk)});
  }
  return assemble(pieces, lanes.width);
}

Value* Arrays::load(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes, Value* guard, Value* fallback) {
  llvm::IRBuilder<>& builder = code_.builder;
  if (guard != nullptr) {
    if (const auto known = known_integer(guard)) {
      if (*known == 0) return fallback;
      guard = nullptr;
    }
  }
  const auto choose = [&](Value* loaded) -> Value* {
    if (guard == nullptr) return loaded;
    if (is_vector(guard) || is_vector(loaded) || is_vector(fallback)) {
      loaded = code_.splat(loaded, lanes.width);
      fallback = code_.splat(fallback, lanes.width);
    }
    return builder.CreateSelect(guard, loaded, fallback);
  };
  if (const auto scalar = scalars_.find(array); scalar != scalars_.end()) return choose(scalar->second);
  if (in_registers(array)) return choose(load_registers(array, number, lanes));
  if (guard == nullptr)
    if (Value* known = load_invariant(array, number, lanes)) return known;
  const int width = lanes.width;
  const bool uniform = number.uniform(lanes.valid);
  const bool copies = per_lane(array) && width > 1;
  if (copies && uniform) {
    ElementNumber start = number;
    if (!start.lanes.empty()) start.constant += start.lanes[0];
    Value* mask = guard == nullptr ? nullptr : code_.splat(guard, width);
    return load_vector(array, address(array, start), width, mask, fallback);
  }
  if (uniform && !copies) {
    Value* condition = guard == nullptr || !is_vector(guard) ? guard : code_.any(code_.both(guard, lanes.mask, width));
    return choose(load_uniform(array, number, condition));
  }
  Value* mask = code_.both(guard == nullptr ? nullptr : code_.splat(guard, width), lanes.mask, width);
  if (number.varying == nullptr && !copies) {
    bool contiguous = true;
    for (std::size_t lane = 1; lane < static_cast<std::size_t>(lanes.valid); ++lane)
      contiguous = contiguous && number.lanes[lane] == number.lanes[lane - 1] + 1;
    if (contiguous) {
      ElementNumber start = number;
      start.constant += number.lanes[0];
      return load_vector(array, address(array, start), width, mask, guard == nullptr ? nullptr : fallback);
    }
    if (guard == nullptr && !lanes.dynamic()) return load_apart(array, number, lanes);
  }
  auto* type = llvm::FixedVectorType::get(code_.memory_type(info(array).dtype), static_cast<unsigned>(width));
  Value* passthrough =
      guard == nullptr ? llvm::Constant::getNullValue(type) : to_memory(array, code_.splat(fallback, width));
  return from_memory(
      array,
      annotate(array, builder.CreateMaskedGather(
                          type, lane_addresses(array, number, lanes), llvm::Align(element_bytes(info(array).dtype)),
                          mask == nullptr ? code_.first_lanes(width, width) : mask, passthrough)));
}

Value* Arrays::load_invariant(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes) {
  if (loop_lanes == nullptr || lanes.width == 1 || lanes.width != loop_lanes->lanes.width) return nullptr;
  if (loop_lanes->inside[array] || number.varying != nullptr || number.uniform(lanes.valid)) return nullptr;
  for (const auto& [value, coefficient] : number.terms)
    if (std::none_of(loop_lanes->axes.begin(), loop_lanes->axes.end(),
                     [&, base = value](const AxisPoint& axis) { return axis.base == base || axis.origin == base; }))
      return nullptr;
  Value*& known = loop_lanes->invariants[{array, number.constant, number.terms, number.lanes}];
  if (known != nullptr) return known;
  const llvm::IRBuilderBase::InsertPointGuard guard(code_.builder);
  code_.builder.SetInsertPoint(loop_lanes->begin->getTerminator());
  LoopLanes* const lanes_of_loop = std::exchange(loop_lanes, nullptr);
  if (lanes_of_loop->steps < many_steps && is_row_of_lanes(array, number, lanes)) {
    const std::vector<Value*> columns = load_columns(array, number, lanes.width);
    loop_lanes = lanes_of_loop;
    for (std::size_t column = 0; column < columns.size(); ++column)
      loop_lanes->invariants[{array, static_cast<std::int64_t>(column), number.terms, number.lanes}] = columns[column];
    return known;
  }
  Lanes gathered = lanes;  // once a tile, the shortest code is best: a gather, which a mask asks for
  if (number.lanes[1] - number.lanes[0] != 1) {
    if (gathered.mask == nullptr) gathered.mask = code_.first_lanes(lanes.width, lanes.width);
    gathered.valid = gathered.width;
  }
  Value* loaded = load(array, number, gathered);
  loop_lanes = lanes_of_loop;
  return known = loaded;
}

bool Arrays::is_row_of_lanes(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes) const {
  const std::int64_t row = number.lanes[1] - number.lanes[0];
  const Shape& shape = info(array).shape;
  const ir::Placement& place = placement(array);
  const bool sized = row >= 2 && row <= 16 && std::has_single_bit(static_cast<std::uint64_t>(row));
  if (!sized || lanes.mask != nullptr || info(array).dtype == DType::boolean || number.lanes[0] != 0) return false;
  for (std::size_t lane = 0; lane < number.lanes.size(); ++lane)
    if (number.lanes[lane] != static_cast<std::int64_t>(lane) * row) return false;
  // Lanes are along the first dimension, and the other ones fill a row.
  std::int64_t stride = row;
  for (std::size_t k = 1; k < shape.size(); ++k) {
    stride /= std::max<std::int64_t>(shape[k], 1);
    if (place.strides[k] != stride && shape[k] != 1) return false;
  }
  return !shape.empty() && place.offset == 0 && place.loop_strides.empty() && place.strides[0] == row && stride == 1 &&
         element_count(shape) == shape[0] * row && number.constant >= 0 && number.constant < row;
}

// Elements lane * n + column, unzipped log2(n) times, are the columns.
std::vector<Value*> Arrays::load_columns(ir::ArrayId array, const ElementNumber& number, int width) {
  const std::int64_t count = number.lanes[1] - number.lanes[0];
  llvm::SmallVector<int, 64> even;
  llvm::SmallVector<int, 64> odd;
  for (int lane = 0; lane < width; ++lane) {
    even.push_back(2 * lane);
    odd.push_back(2 * lane + 1);
  }
  // sequences[k]: the elements of the columns that are k modulo the number of sequences.
  std::vector<std::vector<Value*>> sequences(1);
  ElementNumber start = number;
  start.lanes.clear();
  for (std::int64_t vector = 0; vector < count; ++vector) {
    start.constant = vector * width;
    sequences[0].push_back(load_vector(array, address(array, start), width, nullptr, nullptr));
  }
  while (static_cast<std::int64_t>(sequences.size()) < count) {
    std::vector<std::vector<Value*>> unzipped(2 * sequences.size());
    for (std::size_t k = 0; k < sequences.size(); ++k)
      for (std::size_t part = 0; part < sequences[k].size(); part += 2) {
        Value* left = sequences[k][part];
        Value* right = sequences[k][part + 1];
        unzipped[k].push_back(permute(code_, left, right, even));
        unzipped[k + sequences.size()].push_back(permute(code_, left, right, odd));
      }
    sequences = std::move(unzipped);
  }
  std::vector<Value*> columns;
  for (const std::vector<Value*>& sequence : sequences) columns.push_back(sequence.front());
  return columns;
}

void Arrays::store_vector(ir::ArrayId array, Value* pointer, Value* value, Value* mask) {
  const llvm::Align align(element_bytes(info(array).dtype));
  Value* stored = to_memory(array, value);
  if (mask == nullptr)
    annotate(array, code_.builder.CreateAlignedStore(stored, pointer, align));
  else
    annotate(array, code_.builder.CreateMaskedStore(stored, pointer, align, mask));
}

bool Arrays::aligned(ir::ArrayId array, const ElementNumber& number, std::int64_t bytes) const {
  const auto size = static_cast<std::int64_t>(element_bytes(info(array).dtype));
  bool multiple = (number.constant + placement(array).offset) * size % bytes == 0;
  for (const ir::Placement::LoopStride& stride : placement(array).loop_strides)
    multiple = multiple && stride.stride * size % bytes == 0;
  for (auto [value, coefficient] : number.terms) {
    const auto* product = llvm::dyn_cast<llvm::BinaryOperator>(value);
    if (product != nullptr && product->getOpcode() == llvm::Instruction::Mul)
      coefficient *= known_integer(product->getOperand(1)).value_or(1);
    multiple = multiple && coefficient * size % bytes == 0;
  }
  return multiple;
}

void Arrays::store_neighbours(ir::ArrayId array, const ElementNumber& number, Value* value, Value* mask) {
  Value* stored = to_memory(array, value);
  const auto bytes =
      static_cast<std::int64_t>(code_.module.getDataLayout().getTypeStoreSize(stored->getType()).getFixedValue());
  const bool streams = streamed == array || streamed_if_aligned == array;
  Value* pointer = address(array, number);
  if (!streams || mask != nullptr || bytes < 16 || !aligned(array, number, bytes))
    return store_vector(array, pointer, value, mask);
  const auto stream = [&] {
    llvm::Instruction* store = annotate(
        array, code_.builder.CreateAlignedStore(stored, pointer, llvm::Align(static_cast<std::uint64_t>(bytes))));
    store->setMetadata(llvm::LLVMContext::MD_nontemporal,
                       llvm::MDNode::get(code_.context, llvm::ConstantAsMetadata::get(code_.builder.getInt32(1))));
  };
  if (streamed == array) return stream();
  Values none;
  code_.when(aligned_buffer(array), none, stream);
  code_.when(code_.builder.CreateNot(aligned_buffer(array)), none, [&] { store_vector(array, pointer, value, mask); });
}

void Arrays::store(ir::ArrayId array, const ElementNumber& number, const Lanes& lanes, Value* value, Value* guard) {
  llvm::IRBuilder<>& builder = code_.builder;
  if (guard != nullptr) {
    if (const auto known = known_integer(guard)) {
      if (*known == 0) return;
      guard = nullptr;
    }
  }
  if (in_registers(array)) return store_registers(array, number, lanes, value, guard);
  const int width = lanes.width;
  const llvm::Align align(element_bytes(info(array).dtype));
  const bool uniform = number.uniform(lanes.valid);
  const bool copies = per_lane(array) && width > 1;
  if (uniform && !copies) {
    if (is_vector(value))
      throw InternalError(
          fmt::format("cpu: {} lanes store different values to element {} of array {}", width, number.constant, array));
    ElementNumber start = number;
    if (!start.lanes.empty()) start.constant += start.lanes[0];
    Values none;
    const auto write = [&] {
      annotate(array, builder.CreateAlignedStore(to_memory(array, value), address(array, start), align));
    };
    if (guard == nullptr) return write();
    return code_.when(code_.any(guard), none, write);
  }
  value = code_.splat(value, width);
  if (copies) {
    Value* mask = guard == nullptr ? nullptr : code_.both(code_.splat(guard, width), lanes.mask, width);
    if (uniform) {
      ElementNumber start = number;
      if (!start.lanes.empty()) start.constant += start.lanes[0];
      return store_vector(array, address(array, start), value, mask);
    }
    annotate(array, builder.CreateMaskedScatter(to_memory(array, value), lane_addresses(array, number, lanes), align,
                                                mask == nullptr ? code_.first_lanes(width, width) : mask));
    return;
  }
  Value* mask = code_.both(guard == nullptr ? nullptr : code_.splat(guard, width), lanes.mask, width);
  if (number.varying == nullptr) {
    // The lanes in the order of their elements: one vector store when these are neighbours.
    std::vector<int> order(static_cast<std::size_t>(lanes.valid));
    for (int lane = 0; lane < lanes.valid; ++lane) order[static_cast<std::size_t>(lane)] = lane;
    const auto offset = [&](int lane) { return number.lanes[static_cast<std::size_t>(lane)]; };
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return offset(a) < offset(b); });
    bool contiguous = true;
    bool sorted = true;
    for (std::size_t k = 0; k < order.size(); ++k) {
      contiguous = contiguous && offset(order[k]) == offset(order[0]) + static_cast<std::int64_t>(k);
      sorted = sorted && order[k] == static_cast<int>(k);
    }
    if (contiguous && (sorted || mask == nullptr || (guard == nullptr && !lanes.dynamic()))) {
      if (!sorted) {
        llvm::SmallVector<int, 16> shuffle(order.begin(), order.end());
        while (static_cast<int>(shuffle.size()) < width) shuffle.push_back(order[0]);
        value = builder.CreateShuffleVector(value, shuffle);
      }
      ElementNumber start = number;
      start.constant += offset(order[0]);
      start.lanes.clear();
      return store_neighbours(array, start, value, mask);
    }
  }
  value = to_memory(array, value);
  llvm::Instruction* scatter =
      annotate(array, builder.CreateMaskedScatter(value, lane_addresses(array, number, lanes), align,
                                                  mask == nullptr ? code_.first_lanes(width, width) : mask));
  if (guard == nullptr && number.varying == nullptr && !lanes.dynamic())
    scatters_.push_back({array, number, value, lanes.valid, scatter});
}

}  // namespace jaxc::cpu
