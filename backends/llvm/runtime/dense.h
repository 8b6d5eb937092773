// Dense linear algebra on large arrays: what generated code asks for, and the table that each kind of processor fills.
#pragma once

#include <array>
#include <cstdint>

#include "backends/llvm/runtime/entries.h"

namespace jaxc::cpu {

/// Parts of work that may run in any order and at one time.
using DensePart = void (*)(const void* work, std::int64_t part);

/// Who does the parts. `run` is not inlined into code for one kind of processor, so that the pool is compiled once.
class DenseTeam {
 public:
  /// Null: the caller alone.
  explicit DenseTeam(ThreadPool* pool) : pool_(pool) {}
  void run(std::int64_t count, DensePart part, const void* work) const;
  /// Counts the caller.
  std::int64_t threads() const { return pool_ == nullptr ? 1 : pool_->threads(); }

 private:
  ThreadPool* pool_;
};

/// One item of a routine: its matrices, and memory (64-byte aligned) for the work on it.
struct MatrixItem {
  std::array<const void*, 2> inputs;
  std::array<void*, 3> outputs;
  void* memory;
  std::int64_t bytes;
};

struct BlasTable;

/// The routines for one kind of processor. Results do not depend on the number of threads.
struct DenseRoutines {
  void (*product)(const ProductRequest& request, const void* left, const void* right, void* result, void* memory,
                  const DenseTeam& team);
  void (*matrix)(const MatrixRequest& request, const MatrixItem& item, const DenseTeam& team);
  const BlasTable* blas;  ///< for LAPACK
};

}  // namespace jaxc::cpu
