// Forms: how an array in registers that crosses a loop's back edge or a branch is cut into vectors.
#pragma once

#include <unordered_map>
#include <variant>
#include <vector>

#include "backends/llvm/arrays.h"

namespace jaxc::cpu {

/// The elements in each SSA value: one element is a scalar, several are lanes of a vector.
using RegisterForm = std::vector<std::vector<std::int64_t>>;

/// Finds the form in which an array is produced, so that passing it on takes no shuffles.
class Forms {
 public:
  Forms(Code& code, Arrays& arrays);

  const RegisterForm& form(ir::ArrayId array);
  /// The array's elements as one value per piece of the form.
  Values flatten(ir::ArrayId array, const RegisterForm& form);
  /// Sets the array's elements from such values.
  void unflatten(ir::ArrayId array, const RegisterForm& form, llvm::ArrayRef<llvm::Value*> values);

 private:
  struct FromNest {
    const ir::Node* node = nullptr;
    std::size_t output = 0;
  };
  /// An array with the form of another one.
  struct Like {
    ir::ArrayId array = 0;
  };
  RegisterForm make(ir::ArrayId array, int depth);
  RegisterForm from_nest(ir::ArrayId array, const FromNest& producer);

  Code& code_;
  Arrays& arrays_;
  std::unordered_map<ir::ArrayId, std::variant<FromNest, Like>> producers_;
  std::unordered_map<ir::ArrayId, RegisterForm> known_;
};

}  // namespace jaxc::cpu
