// The naive evaluator of Jaxprs: plain loops over elements, the oracle that compiled code is tested against.
#pragma once

#include <span>
#include <vector>

#include "ir/jaxpr.h"
#include "jaxc/array.h"

namespace jaxc::compiler {

/// Sees every equation's values, in inner jaxprs too, and may change them: how tests follow rounding errors.
class EvaluateObserver {
 public:
  EvaluateObserver() = default;
  EvaluateObserver(const EvaluateObserver&) = delete;
  EvaluateObserver& operator=(const EvaluateObserver&) = delete;
  virtual ~EvaluateObserver() = default;

  virtual void before(const ir::Equation& equation, std::vector<Array>& operands) = 0;
  virtual void after(const ir::Equation& equation, std::vector<Array>& results) = 0;
};

struct EvaluateOptions {
  /// JAX's jax_threefry_partitionable, which decides how random bits are numbered.
  bool threefry_partitionable = true;
  EvaluateObserver* observer = nullptr;
};

/// The values of `jaxpr`'s outputs. `constants` and `inputs` are the values of its binders. Elementary
/// functions come from the host's libm in a wider type, and results are rounded after each primitive.
/// Throws Error when arguments do not fit, or when the program holds something that cannot be run: an
/// array literal without values, an inner jaxpr with constants, a primitive that is not supported.
std::vector<Array> evaluate(const ir::Jaxpr& jaxpr, std::span<const Array> constants, std::span<const Array> inputs,
                            const EvaluateOptions& options = {});

}  // namespace jaxc::compiler
