// Scatters of a nest that together fill rows of memory become transposed vectors and plain stores.
#include <algorithm>
#include <bit>
#include <utility>

#include "backends/llvm/arrays.h"
#include "backends/llvm/permute.h"

namespace jaxc::cpu {

using llvm::Value;

namespace {

/// The distance between the elements of neighbouring lanes; nothing where it varies.
std::optional<std::int64_t> lane_stride(const ElementNumber& number, int valid) {
  if (valid < 2 || number.lanes.size() < static_cast<std::size_t>(valid)) return std::nullopt;
  const std::int64_t stride = number.lanes[1] - number.lanes[0];
  for (std::size_t lane = 1; lane < static_cast<std::size_t>(valid); ++lane)
    if (number.lanes[lane] - number.lanes[lane - 1] != stride) return std::nullopt;
  return stride;
}

std::int64_t first_element(const ElementNumber& number) {
  return number.constant + (number.lanes.empty() ? 0 : number.lanes[0]);
}

}  // namespace

void Arrays::combine_scatters() {
  std::vector<Scatter> scatters = std::exchange(scatters_, {});
  const llvm::BasicBlock* const here = code_.builder.GetInsertBlock();
  while (!scatters.empty()) {
    // All of one array, of one distance between lanes, in one straight line of code.
    const Scatter head = scatters.front();
    const auto stride = lane_stride(head.number, head.valid);
    std::vector<Scatter> group;
    std::vector<Scatter> rest;
    for (const Scatter& other : scatters) {
      const bool alike = other.array == head.array && other.valid == head.valid &&
                         other.number.terms == head.number.terms && other.value->getType() == head.value->getType() &&
                         other.instruction->getParent() == head.instruction->getParent() &&
                         lane_stride(other.number, other.valid) == stride;
      (alike ? group : rest).push_back(other);
    }
    scatters = std::move(rest);
    if (!stride || *stride < 2) continue;
    llvm::BasicBlock* const block = group.back().instruction->getParent();
    llvm::Instruction* const next = group.back().instruction->getNextNode();
    std::stable_sort(group.begin(), group.end(), [](const Scatter& left, const Scatter& right) {
      return first_element(left.number) < first_element(right.number);
    });
    bool twice = false;
    for (std::size_t k = 1; k < group.size(); ++k)
      twice = twice || first_element(group[k].number) == first_element(group[k - 1].number);
    if (twice || first_element(group.back().number) - first_element(group.front().number) >= *stride) continue;
    const auto width =
        static_cast<std::size_t>(llvm::cast<llvm::FixedVectorType>(head.value->getType())->getNumElements());
    for (std::size_t begin = 0; begin < group.size();) {
      std::size_t run = 1;
      while (begin + run < group.size() && run < width &&
             first_element(group[begin + run].number) ==
                 first_element(group[begin].number) + static_cast<std::int64_t>(run))
        ++run;
      run = std::bit_floor(run);
      std::vector<const Scatter*> rows;
      for (std::size_t k = 0; k < run; ++k) rows.push_back(&group[begin + k]);
      begin += run;
      if (run < 2) continue;
      if (block == here && streams_rows(rows)) {
        // Nothing reads the array here, so that the nest's end will do.
        const std::vector<Value*> vectors = transpose(rows);
        Values none;
        code_.when(aligned_buffer(rows[0]->array), none, [&] {
          streamed = rows[0]->array;
          store_rows(rows, vectors);
          streamed = std::nullopt;
        });
        code_.when(code_.builder.CreateNot(aligned_buffer(rows[0]->array)), none, [&] { store_rows(rows, vectors); });
      } else {
        const llvm::IRBuilderBase::InsertPointGuard guard(code_.builder);
        if (next != nullptr)
          code_.builder.SetInsertPoint(next);
        else if (llvm::Instruction* end = block->getTerminator())
          code_.builder.SetInsertPoint(end);
        else
          code_.builder.SetInsertPoint(block);
        // In the middle of a block there is no room for the branch that asks whether the buffer is aligned.
        const std::optional<ir::ArrayId> asked = std::exchange(streamed_if_aligned, std::nullopt);
        store_rows(rows, transpose(rows));
        streamed_if_aligned = asked;
      }
      for (const Scatter* row : rows) row->instruction->eraseFromParent();
    }
  }
}

bool Arrays::streams_rows(llvm::ArrayRef<const Scatter*> rows) const {
  const Scatter& first = *rows.front();
  const auto width = llvm::cast<llvm::FixedVectorType>(first.value->getType())->getNumElements();
  if (loop_lanes == nullptr || !is_streamed(first.array) || rows.size() != width) return false;
  const auto bytes = static_cast<std::int64_t>(width * element_bytes(info(first.array).dtype));
  for (std::int64_t lane : first.number.lanes) {
    ElementNumber start = first.number;
    start.constant += lane;
    if (!aligned(first.array, start, bytes)) return false;
  }
  return true;
}

// The rows' lanes, zipped log2(n) times, lie one after the other: element lane * n + row (a perfect shuffle).
std::vector<Value*> Arrays::transpose(llvm::ArrayRef<const Scatter*> rows) {
  const auto width = llvm::cast<llvm::FixedVectorType>(rows.front()->value->getType())->getNumElements();
  std::vector<std::vector<Value*>> streams;
  for (const Scatter* row : rows) streams.push_back({row->value});
  llvm::SmallVector<int, 64> low;
  llvm::SmallVector<int, 64> high;
  for (int lane = 0; lane < static_cast<int>(width); ++lane) {
    const int source = lane / 2 + (lane % 2) * static_cast<int>(width);
    low.push_back(source);
    high.push_back(source + static_cast<int>(width) / 2);
  }
  while (streams.size() > 1) {
    std::vector<std::vector<Value*>> zipped(streams.size() / 2);
    for (std::size_t k = 0; k < zipped.size(); ++k)
      for (std::size_t part = 0; part < streams[k].size(); ++part) {
        Value* left = streams[k][part];
        Value* right = streams[k + zipped.size()][part];
        zipped[k].push_back(permute(code_, left, right, low));
        zipped[k].push_back(permute(code_, left, right, high));
      }
    streams = std::move(zipped);
  }
  return streams[0];
}

void Arrays::store_rows(llvm::ArrayRef<const Scatter*> rows, llvm::ArrayRef<Value*> vectors) {
  llvm::IRBuilder<>& builder = code_.builder;
  const Scatter& first = *rows.front();
  const std::size_t count = rows.size();
  const auto width = llvm::cast<llvm::FixedVectorType>(first.value->getType())->getNumElements();
  const std::int64_t stride = first.number.lanes[1] - first.number.lanes[0];
  const auto per_vector = std::max<std::size_t>(1, width / count);  // lanes in one of the vectors
  for (std::size_t vector = 0; vector < vectors.size(); ++vector) {
    Value* value = vectors[vector];
    const std::size_t lane = vector * per_vector;
    const auto lanes =
        std::min<std::int64_t>(static_cast<std::int64_t>(per_vector), first.valid - static_cast<std::int64_t>(lane));
    if (lanes <= 0) break;
    ElementNumber start = first.number;
    start.constant += first.number.lanes[lane];
    start.lanes.clear();
    if (stride == static_cast<std::int64_t>(count)) {
      const auto valid = static_cast<int>(lanes * static_cast<std::int64_t>(count));
      Value* mask = valid < static_cast<int>(width) ? code_.first_lanes(valid, static_cast<int>(width)) : nullptr;
      store_vector(first.array, address(first.array, start), value, mask);
      continue;
    }
    for (std::int64_t part = 0; part < lanes; ++part) {
      llvm::SmallVector<int, 64> chosen;
      for (std::size_t k = 0; k < count; ++k)
        chosen.push_back(static_cast<int>(static_cast<std::size_t>(part) * count + k));
      store_neighbours(first.array, start, count == width ? value : builder.CreateShuffleVector(value, chosen),
                       nullptr);
      start.constant += stride;
    }
  }
}

}  // namespace jaxc::cpu
