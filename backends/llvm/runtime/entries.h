// What native code calls: the functions of the runtime, by the names that generated code knows them by.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "backends/llvm/runtime/thread_pool.h"
#include "jaxc/types.h"

namespace jaxc::cpu {

/// What one run gives to native code beside its memory.
struct Runtime {
  ThreadPool* pool = nullptr;
};

/// A sort of lines of `extent` elements, `inner` elements apart, as ir::Ordering says. All fields are i64, as generated
/// code writes them.
struct SortRequest {
  std::int64_t outer;        ///< lines along the dimensions before the sorted one
  std::int64_t extent;       ///< elements of a line
  std::int64_t inner;        ///< lines along the dimensions after it
  std::int64_t count;        ///< elements that the result keeps of a line
  std::int64_t key;          ///< a DType
  std::int64_t result;       ///< an ir::Ordering::Result
  std::int64_t index_bytes;  ///< of the positions in the result: 4 or 8
  std::int64_t parts;        ///< pieces of the workspace: lines that may be sorted at one time
  std::int64_t part_bytes;   ///< of one piece: two words a key
};

/// Products of matrices, as ir::ProductPlan says. All fields are i64.
struct ProductRequest {
  struct Axis {
    std::int64_t extent;
    std::int64_t left;
    std::int64_t right;
    std::int64_t result;
  };
  std::int64_t dtype;
  std::int64_t bytes;  ///< of the memory for packed operands
  std::int64_t left_offset;
  std::int64_t right_offset;
  std::int64_t result_offset;
  std::array<Axis, 3> axes;
  std::array<Axis, 4> batch;
};

/// Whether the library orders keys of a type.
bool sorts(DType key);

extern "C" {
/// `values` and `positions` are null where the result has none.
void jaxc_sort(const SortRequest* request, const void* input, void* values, void* positions, void* workspace,
               const Runtime* runtime);

void jaxc_product(const ProductRequest* request, const void* left, const void* right, void* result, void* memory,
                  const Runtime* runtime);

/// A function made from a nest or loop: the entry point's parameters, what the code around has made in this step, and
/// the number of a part.
using PartFunction = void (*)(const void* const* inputs, void* const* outputs, const void* const* constants,
                              void* scratch, const Runtime* runtime, const void* step, std::int64_t part);
/// Calls part function for every part below `count`, on the runtime's threads.
void jaxc_parallel(PartFunction function, std::int64_t count, const void* const* inputs, void* const* outputs,
                   const void* const* constants, void* scratch, const Runtime* runtime, const void* step);
}

/// An address that generated code refers to by name.
struct RuntimeEntry {
  std::string_view name;
  void* address;
};
std::array<RuntimeEntry, 3> runtime_entries();

}  // namespace jaxc::cpu
