"""The names of primitives: those that jaxc knows, their aliases over JAX's versions, those it leaves out or refuses."""

KNOWN = frozenset("""
neg sign nextafter floor ceil round is_finite exp exp2 log log2 expm1 log1p tanh logistic sin cos tan asin acos
atan atan2 sinh cosh asinh acosh atanh real imag complex conj abs sqrt rsqrt cbrt square pow integer_pow
not and or xor population_count clz add sub mul mulhi div rem max min shift_left shift_right_arithmetic
shift_right_logical eq ne ge gt le lt eq_to le_to lt_to one_minus_square convert_element_type
bitcast_convert_type reduce_precision clamp select_n copy copy_p add_any stop_gradient zeros_like
lgamma digamma polygamma igamma igammac igamma_grad_a random_gamma_grad regularized_incomplete_beta
bessel_i0e bessel_i1e zeta erf erfc erf_inv
broadcast_in_dim tile concatenate stack unstack split pad squeeze expand_dims reshape rev transpose slice iota
empty reduce reduce_sum reduce_prod reduce_max reduce_min reduce_or reduce_and reduce_xor argmin argmax
cumsum cumprod cummax cummin cumlogsumexp reduce_window reduce_window_sum reduce_window_max reduce_window_min
select_and_scatter_add select_and_gather_add conv_general_dilated
dynamic_slice dynamic_update_slice gather scatter scatter-add scatter-sub scatter-mul scatter-min scatter-max
dot_general scan while associative_scan cond platform_index jit pjit closed_call core_call custom_jvp_call
custom_vjp_call custom_linear_solve remat2 checkpoint name optimization_barrier
sort top_k fft cholesky eigh eig householder_product lu lu_pivots_to_permutation geqrf qr schur svd
triangular_solve tridiagonal_solve
random_seed random_split random_fold_in random_bits random_gamma random_wrap random_unwrap threefry2x32
rng_bit_generator
""".split())

ALIASES = {
    "pjit": "jit",
    "remat": "checkpoint",
    "custom_vjp_call_jaxpr": "custom_vjp_call",
}

# They hand on their operands: a label for checkpoints, a copy to the one device there is.
PASSED_THROUGH = frozenset(("name", "device_put"))

# They show values and have no results.
LEFT_OUT = frozenset(("debug_callback", "debug_print"))

_REFUSED = {
    "it calls back into Python; remove the callback": """
        pure_callback io_callback python_callback outside_call host_callback
        infeed outfeed""",
    "it communicates between devices; export the program of one device": """
        psum psum2 psum_invariant psum_scatter pmax pmin pmean ppermute pbroadcast pvary pcast all_gather
        all_gather_invariant all_to_all ragged_all_to_all reduce_scatter axis_index axis_size psend precv""",
    "it places data on devices; export the program without sharding": """
        sharding_constraint mesh_cast reshard shard_map xla_pmap layout_constraint""",
    "it reads or writes a mutable reference; write the program with values": """
        get swap addupdate ref new_ref mutable_array freeze freeze_ref free_ref accum_grad_in_ref ref_get
        ref_swap run_state run_scoped for empty_ref masked_load masked_swap core_map mut_array_ref""",
    "its body is written for one device's compiler": """
        pallas_call ffi_call custom_partitioning tpu_custom_call triton_kernel_call mosaic_call xla_metadata_call
        mosaic_gpu_call""",
}
REFUSED = {name: reason for reason, names in _REFUSED.items() for name in names.split()}
