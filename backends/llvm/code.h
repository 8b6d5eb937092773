// Code: the LLVM module under construction, and the small helpers that all emitters share.
#pragma once

#include <llvm/ADT/ArrayRef.h>
#include <llvm/ADT/STLFunctionalExtras.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/llvm/llvm.h"
#include "backends/llvm/profile.h"
#include "backends/llvm/source_lines.h"
#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::cpu {

/// The name of metadata in modules whose instructions LLVM should schedule, against waits for each other's results.
inline constexpr const char* scheduled = "jaxc.scheduled";

/// A list of values: one per result, argument or carried value.
using Values = llvm::SmallVector<llvm::Value*, 8>;

/// State of one compilation. A scalar of the Program is an LLVM scalar where all lanes agree, and otherwise an LLVM
/// vector with one element per lane; booleans are i1 in values and i8 in memory.
struct Code {
  Code(llvm::Module& module, const ir::Program& program, const ir::Plan& plan, int vector_bits);

  llvm::LLVMContext& context;
  llvm::Module& module;
  llvm::IRBuilder<> builder;
  const ir::Program& program;
  const ir::Plan& plan;
  int vector_bits;
  bool permutes_two = false;  ///< the processor has AVX-512's permutations of two vectors
  llvm::Function* entry = nullptr;
  std::map<std::pair<std::uint64_t, int>, llvm::Function*> functions;  ///< scalar functions by number and lanes
  llvm::Value* harmless = nullptr;                                     ///< memory that guarded loads may touch
  std::optional<Profile> profile;                                      ///< where steps are timed
  std::optional<SourceLines> lines;                                    ///< where instructions say their source
  std::int64_t inlined_operations = 0;                                 ///< of scalar functions, so far
  std::map<llvm::Value*, llvm::Value*> in_all_lanes;  ///< by scalar: a vector that has it in every lane

  llvm::Type* value_type(DType dtype) const;
  llvm::Type* memory_type(DType dtype) const;
  llvm::ConstantInt* integer(std::int64_t value) { return builder.getInt64(static_cast<std::uint64_t>(value)); }
  llvm::Constant* constant(ir::ScalarConstant value) const;
  /// <values...> as i64 lanes.
  llvm::Constant* integers(llvm::ArrayRef<std::int64_t> values) const;
  /// A boolean vector whose first `valid` of `width` lanes hold.
  llvm::Constant* first_lanes(int valid, int width) const;
  /// The value in every lane; vectors stay.
  llvm::Value* splat(llvm::Value* value, int width);
  /// Scalar: the value; vector: whether any lane holds.
  llvm::Value* any(llvm::Value* condition);
  /// Both of two masks; null means all lanes.
  llvm::Value* both(llvm::Value* left, llvm::Value* right, int width);

  llvm::BasicBlock* new_block(std::string_view name);
  /// for (i = 0; i < trip_count; ++i) body(i). `carried` holds values that each step replaces: phis during the
  /// body, the last ones afterwards. The trip count is at least 1.
  void counted_loop(std::string_view name, std::int64_t trip_count, Values& carried,
                    llvm::function_ref<void(llvm::Value*)> body);
  /// Emits `body` under a scalar condition; constants need no branch. `merged` are values that the body replaces.
  void when(llvm::Value* condition, Values& merged, llvm::function_ref<void()> body);
  /// Memory of this call's frame.
  llvm::Value* frame_memory(std::int64_t bytes);
};

inline bool is_vector(const llvm::Value* value) {
  return value->getType()->isVectorTy();
}
/// The value of an integer constant; nothing for other values.
std::optional<std::int64_t> known_integer(const llvm::Value* value);

}  // namespace jaxc::cpu
