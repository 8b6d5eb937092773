// Records of loops, branches and calls.
#include "compiler/lower/rules.h"
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record scan{evaluators::scan, lowering::scan, not_yet("batch scan"), not_yet("jvp scan"),
                  not_yet("transpose scan")};
const Record while_loop{evaluators::while_loop, lowering::while_loop, not_yet("batch while"), not_yet("jvp while"),
                        not_linear};
const Record associative_scan{evaluators::associative_scan, lowering::associative_scan,
                              not_yet("batch associative_scan"), not_yet("jvp associative_scan"),
                              not_yet("transpose associative_scan")};
const Record cond{evaluators::cond, lowering::cond, not_yet("batch cond"), not_yet("jvp cond"),
                  not_yet("transpose cond")};
const Record platform_index{evaluators::platform_index, lowering::platform_index, not_yet("batch platform_index"),
                            zero_derivative, not_linear};
const Record jit{evaluators::jit, lowering::call, not_yet("batch jit"), not_yet("jvp jit"), not_yet("transpose jit")};
const Record pjit{evaluators::pjit, lowering::call, not_yet("batch pjit"), not_yet("jvp pjit"),
                  not_yet("transpose pjit")};
const Record closed_call{evaluators::closed_call, lowering::call, not_yet("batch closed_call"),
                         not_yet("jvp closed_call"), not_yet("transpose closed_call")};
const Record core_call{evaluators::core_call, lowering::call, not_yet("batch core_call"), not_yet("jvp core_call"),
                       not_yet("transpose core_call")};
const Record custom_jvp_call{evaluators::custom_jvp_call, lowering::call, not_yet("batch custom_jvp_call"),
                             not_yet("jvp custom_jvp_call"), not_yet("transpose custom_jvp_call")};
const Record custom_vjp_call{evaluators::custom_vjp_call, lowering::call, not_yet("batch custom_vjp_call"),
                             not_yet("jvp custom_vjp_call"), not_yet("transpose custom_vjp_call")};
const Record custom_linear_solve{evaluators::custom_linear_solve, lowering::custom_linear_solve,
                                 not_yet("batch custom_linear_solve"), not_yet("jvp custom_linear_solve"),
                                 not_yet("transpose custom_linear_solve")};
const Record remat2{evaluators::remat2, lowering::call, not_yet("batch remat2"), not_yet("jvp remat2"),
                    not_yet("transpose remat2")};
const Record checkpoint{evaluators::checkpoint, lowering::call, not_yet("batch checkpoint"), not_yet("jvp checkpoint"),
                        not_yet("transpose checkpoint")};
const Record name{evaluators::name, lowering::call, not_yet("batch name"), linear, not_yet("transpose name")};
const Record optimization_barrier{evaluators::optimization_barrier, lowering::call,
                                  not_yet("batch optimization_barrier"), linear,
                                  not_yet("transpose optimization_barrier")};

}  // namespace jaxc::compiler::records
