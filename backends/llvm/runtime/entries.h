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

/// Products, as ir::ProductPlan says. All fields are i64.
struct ProductRequest {
  static constexpr int most_axes = 6;  ///< in a group
  static constexpr int most_bounds = 3;
  struct Axis {
    std::int64_t extent;
    std::int64_t left;
    std::int64_t right;
    std::int64_t result;
    std::array<std::int64_t, most_bounds> coordinates;
  };
  std::int64_t dtype;
  std::int64_t left_offset;
  std::int64_t right_offset;
  std::int64_t result_offset;
  std::int64_t left_part;  ///< from real to imaginary parts; 0 for real numbers
  std::int64_t right_part;
  std::int64_t result_part;
  std::int64_t rows;  ///< how many of the axes
  std::int64_t columns;
  std::int64_t folded;
  std::int64_t batch;
  std::int64_t bounds;
  std::int64_t bounds_right;  ///< whether the right operand is bounded, not the left one
  std::array<std::int64_t, most_bounds> origin;
  std::array<std::int64_t, most_bounds> limits;
  std::int64_t runs;                                  ///< of the batch that may be multiplied at one time
  std::int64_t run_bytes;                             ///< of the memory for packed operands of each
  std::array<Axis, std::size_t{4} * most_axes> axes;  ///< rows, columns, folded axes, the batch
};

/// A routine of dense linear algebra, item by item of a batch, as ir::MatrixRoutine says. All fields are i64.
struct MatrixRequest {
  std::int64_t kind;   ///< an ir::MatrixRoutine::Kind
  std::int64_t dtype;  ///< of the numbers
  std::int64_t lower;
  std::int64_t left;
  std::int64_t transpose;
  std::int64_t conjugate;
  std::int64_t unit;
  std::int64_t first;  ///< of the values that are wanted
  std::int64_t items;
  std::int64_t rows;  ///< of the first input
  std::int64_t columns;
  std::int64_t result_rows;  ///< of the result that is no vector, where it has another shape
  std::int64_t result_columns;
  std::int64_t count;                        ///< of reflections, or of values that are wanted
  std::int64_t parts;                        ///< pieces of the memory: items that may be worked on at one time
  std::int64_t part_bytes;                   ///< of one piece
  std::array<std::int64_t, 2> input_bytes;   ///< of one item
  std::array<std::int64_t, 3> output_bytes;  ///< of one item
};

/// Whether the library orders keys of a type.
bool sorts(DType key);

extern "C" {
/// `values` and `positions` are null where the result has none.
void jaxc_sort(const SortRequest* request, const void* input, void* values, void* positions, void* workspace,
               const Runtime* runtime);

void jaxc_product(const ProductRequest* request, const void* left, const void* right, void* result, void* memory,
                  const Runtime* runtime);

/// Inputs and outputs that the routine does not have are null.
void jaxc_matrix(const MatrixRequest* request, const void* input, const void* second_input, void* output,
                 void* second_output, void* third_output, void* memory, const Runtime* runtime);

/// A function made from a nest or loop: the entry point's parameters, what the code around has made in this step, and
/// the number of a part.
using PartFunction = void (*)(const void* const* inputs, void* const* outputs, const void* const* constants,
                              void* scratch, const Runtime* runtime, const void* step, std::int64_t part);
/// Calls part function for every part below `count`, on the runtime's threads.
void jaxc_parallel(PartFunction function, std::int64_t count, const void* const* inputs, void* const* outputs,
                   const void* const* constants, void* scratch, const Runtime* runtime, const void* step);
/// How many threads there are.
std::int64_t jaxc_threads(const Runtime* runtime);
}

/// An address that generated code refers to by name.
struct RuntimeEntry {
  std::string_view name;
  void* address;
};
std::array<RuntimeEntry, 5> runtime_entries();

}  // namespace jaxc::cpu
