// Emits trees of shuffles and merges, by shuffles that take one instruction on x86.
#include "backends/llvm/fold.h"

#include <algorithm>
#include <bit>

#include "backends/llvm/operations.h"

namespace jaxc::cpu {

using llvm::Value;

namespace {

int width_of(Value* vector) {
  return static_cast<int>(llvm::cast<llvm::FixedVectorType>(vector->getType())->getNumElements());
}

/// The lanes of the left vector that one level keeps (the right vector's are the same), in chunks that stay together,
/// and how far away the lanes are that they merge with.
struct Level {
  std::vector<int> kept;
  int chunk = 1;
  int distance = 1;
};

/// Lanes of 128 bits are unpacked first, then exchanged: log2(width) levels.
std::vector<Level> levels(int width, int lane) {
  std::vector<Level> result;
  lane = std::min(lane, width);
  for (int chunk = 1; chunk < lane; chunk *= 2) {
    Level level;
    level.chunk = chunk;
    level.distance = lane / 2;
    for (int base = 0; base < width; base += lane)
      for (int k = 0; k < lane / 2; ++k) level.kept.push_back(base + k);
    result.push_back(level);
  }
  for (int count = width / lane, step = count / 2; step >= 1; step /= 2) {
    // Blocks of 128 bits that hold the same vectors are `step` apart.
    Level level;
    level.chunk = width / 2;
    level.distance = step * lane;
    for (int block = 0; block < count; ++block)
      if (block / step % 2 == 0)
        for (int k = 0; k < lane; ++k) level.kept.push_back(block * lane + k);
    result.push_back(level);
  }
  return result;
}

}  // namespace

Value* fold_lanes(Code& code, ir::Opcode merge, DType dtype, Value* value) {
  llvm::IRBuilder<>& builder = code.builder;
  const int full = width_of(value);
  const bool exchanged =
      merge == ir::Opcode::add && is_floating(dtype) && full * static_cast<int>(element_bytes(dtype)) <= 16;
  // Within 128 bits, exchanging all lanes costs what moving a half does, and leaves the sum in every lane. Four lanes
  // are exchanged in all ways at once, since their sum is often what everything else waits for.
  if (exchanged) {
    const auto exchange = [&](Value* vector, int distance) {
      llvm::SmallVector<int, 16> lanes;
      for (int lane = 0; lane < full; ++lane) lanes.push_back(lane ^ distance);
      return builder.CreateShuffleVector(vector, lanes);
    };
    if (full == 4) {
      Value* near = emit_merge(code, merge, dtype, value, exchange(value, 2));
      value =
          emit_merge(code, merge, dtype, near, emit_merge(code, merge, dtype, exchange(value, 1), exchange(value, 3)));
    } else if (full == 2) {
      value = emit_merge(code, merge, dtype, value, exchange(value, 1));
    }
    Value* sum = builder.CreateExtractElement(value, std::uint64_t{0});
    code.in_all_lanes[sum] = value;
    return sum;
  }
  for (int half = full / 2; half >= 1; half /= 2) {
    llvm::SmallVector<int, 16> low;
    llvm::SmallVector<int, 16> high;
    for (int lane = 0; lane < half; ++lane) {
      low.push_back(lane);
      high.push_back(half + lane);
    }
    value = emit_merge(code, merge, dtype, builder.CreateShuffleVector(value, low),
                       builder.CreateShuffleVector(value, high));
  }
  return builder.CreateExtractElement(value, std::uint64_t{0});
}

Value* fold_vectors(Code& code, ir::Opcode merge, DType dtype, std::vector<Value*> vectors) {
  llvm::IRBuilder<>& builder = code.builder;
  const int width = width_of(vectors[0]);
  const std::size_t count = vectors.size();
  // owners[v][lane]: the vector that the lane holds a part of.
  std::vector<std::vector<std::size_t>> owners;
  for (std::size_t v = 0; v < count; ++v) owners.emplace_back(static_cast<std::size_t>(width), v);
  for (const Level& level : levels(width, static_cast<int>(16 / std::min<std::size_t>(element_bytes(dtype), 8)))) {
    std::vector<Value*> merged;
    std::vector<std::vector<std::size_t>> merged_owners;
    for (std::size_t left = 0; left < vectors.size(); left += 2) {
      const std::size_t right = std::min(left + 1, vectors.size() - 1);
      llvm::SmallVector<int, 16> near;
      llvm::SmallVector<int, 16> far;
      std::vector<std::size_t> owner;
      for (std::size_t start = 0; start < level.kept.size(); start += static_cast<std::size_t>(level.chunk))
        for (const std::size_t source : {left, right})
          for (int k = 0; k < level.chunk; ++k) {
            const int lane = level.kept[start + static_cast<std::size_t>(k)];
            const int index = (source == left ? 0 : width) + lane;
            near.push_back(index);
            far.push_back(index + level.distance);
            owner.push_back(owners[source][static_cast<std::size_t>(lane)]);
          }
      merged.push_back(emit_merge(code, merge, dtype, builder.CreateShuffleVector(vectors[left], vectors[right], near),
                                  builder.CreateShuffleVector(vectors[left], vectors[right], far)));
      merged_owners.push_back(std::move(owner));
    }
    vectors = std::move(merged);
    owners = std::move(merged_owners);
  }
  llvm::SmallVector<int, 16> order;
  for (std::size_t v = 0; v < count; ++v)
    order.push_back(static_cast<int>(std::find(owners[0].begin(), owners[0].end(), v) - owners[0].begin()));
  while (order.size() < std::bit_ceil(count)) order.push_back(order.back());
  return builder.CreateShuffleVector(vectors[0], order);
}

}  // namespace jaxc::cpu
