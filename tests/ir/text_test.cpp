// SPDX-License-Identifier: Apache-2.0
// Modules in text form: what is written here is what is printed, and it reads back equal.
#include "ir/build.h"
#include "round_trip.h"

namespace tw::test {
namespace {

// The text is already as the printer writes it.
void expect_fixed(const std::string& body) {
  std::string text = file_head + body;
  Ref<Module> module = parse(text);
  EXPECT_EQ(to_text(module), text);
  expect_same_text(module);
}

TEST(Text, GraphFunctionPrintsAsWritten) {
  expect_fixed(R"(
scale = constant(f32, (4,), [1.0, 0.5, -inf, nan])
axes = constant(i64, (2,), [-1, 9223372036854775807])
empty = constant(bool, (0, 3), [])

@function(n=Dim(1, 64), exported=True)
def main(x: Tensor[(n, 4), f32], _y: Optional[Tensor[(), f64]]) -> (Tensor[(n, 4), f32], Tensor[(4,), f32]):
    c: Tensor[(n, 4), f32] = conv(x, scale, None, group=1, kind="same", pads=(3, 3), ratio=1e-05, to=bf16)
    b: Tensor[(n, 4), f32] = relu(c)
    a: Tensor[(n, 4), f32]
    mean: Tensor[(n,), f32]
    a, mean = norm(b, axes, empty)
    print(a)
    return a, scale
)");
}

TEST(Text, KernelPrintsAsWritten) {
  expect_fixed(R"(
@kernel(n=Dim(6, 4096, multiple=6))
def matmul(A: In[(n, 512), f32], B: In[(512, 512), f32], C: Out[(n, 512), f32]):
    for i in parallel(n):
        for j in range(2, 512):
            for k in range(i, i + 8):
                with block("mm"):
                    vi, vj, vk = spatial(n, i), spatial(512, j), reduce(512, k)
                    where(vi < n)
                    reads(A[vi, vk], B[vk, vj])
                    writes(C[vi, vj])
                    hints(unroll=4)
                    with init():
                        C[vi, vj] = 0.0
                    C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)");
}

TEST(Text, EveryStatementPrintsAsWritten) {
  expect_fixed(R"(
@kernel
def f(A: In[(16, 8), f16, strides(1, 16), scope("scratch")], s: InOut[(), i8]):
    with let(A[0, 1] * 2.0) as x:
        s[()] = 3
    with allocate((4,), f32, strides=(2,), scope="local") as T:
        T[0] = 1.0
    with seq():
        with seq():
            pass
    if s[()] > 4 and not s[()] == 5 or s[()] < -2:
        barrier()
    elif False:
        pass
    else:
        store(s[()], 4, mask=True)
    while s[()] != 0:
        s[()] = s[()] - 1
    assert s[()] >= 0, "a \"quoted\"\nline"
    assert s[()] < 100, user("too large")
    with register_tile():
        r, c, k = row(6), column(16), reduce(32)
        columns(s[()])
        acc = fold("add", 0.0, A[r, k] * A[k, c])
        A[r, c] = max(acc, 0.0)
    v: Dim(0, 7, type=i16) = i32(5)
    U = allocate((v, 8), u64)
    U[v, 1] = 18446744073709551615
)");
}

TEST(Text, EveryExpressionPrintsAsWritten) {
  expect_fixed(R"(
@kernel(n=Dim())
def f(A: In[(n,), f32], B: Out[(n,), f32], M: In[(n,), u8]):
    B[0] = -A[0] + -(1.0) - -1.0 * (A[1] - (A[2] - A[3]))
    B[n // 2 % 3] = 1.0 if n > 2 else A[0] / 3.0 if n > 1 else 0.0
    B[(n + 1) * 2] = f32(M[0]) + cast(f32, 3) + f32(M[~n & 3 | n ^ 1 << 2 >> 1])
    B[min(n, 4)] = exp(fma(A[0], 2.0, 1.0)) + load(A[1], mask=n > 2)
    B[0] = cast(f32, f16(1.0)) + pow(2.0, 3.0)
    B[ramp(0, 1, 8)] = broadcast(A[0], 8) + shuffle((A[ramp(n, 1, 8)],), (7, 6, 5, 4, 3, 2, 1, 0))
    x = f64(1.0) + f64(0.1)
    y = i32(1) + i32(2) < 3 and True
    B[0] = f32(x) + nan + inf - 1e+30 * 1e-07
)");
}

TEST(Text, ControlFlowOfGraphsPrintsAsWritten) {
  expect_fixed(R"(
@function(b=Dim(1, 64))
def decode(x: Tensor[(b, 8), f32], steps: Tensor[(), i64], limit: Tensor[(), f32]) -> (Tensor[(b, 8), f32], Tensor[(t, b, 8), f32]):
    t = Dim(0, 1000)
    def step(i: Tensor[(), i64], h: Tensor[(b, 8), f32]):
        z: Tensor[(b, 8), f32] = tanh(h)
        m: Tensor[(), f32] = reduce_max(z)
        go: Tensor[(), bool] = less(m, limit)
        return go, z, z
    last: Tensor[(b, 8), f32]
    all_z: Tensor[(t, b, 8), f32]
    last, all_z = loop(step, init=(x,), trip=steps, conditional=True, stacked=1)
    c: Tensor[(), bool] = true()
    def then():
        return last
    def otherwise():
        y: Tensor[(b, 8), f32] = neg(last)
        return y
    r: Tensor[(b, 8), f32] = branch(c, then, otherwise)
    return r, all_z
)");
}

TEST(Text, CallsOfKernelsStorageAndOddNamesPrintAsWritten) {
  expect_fixed(R"(
module(target="x86")

constant = constant(i8, (1,), [7])

@kernel(n=Dim(0))
def add(A: In[(n,), f32], C: Out[(n,), f32]):
    pass

@function(id="main/1", m=Dim(), **{"a.b": (1, 2)}, list=strings(), reals=(1.0, 2.0), shape=sizes(m, 4), size=expr(3), type=Tuple[Tensor[(2,), i8], Sequence[Tensor[(), bool]]])
def main_1(x: Stored[Tensor[(m,), f32], arena(64)]) -> Tensor[(m,), f32]:
    y: Stored[Tensor[(m,), f32], alias(of=x)] = add(x, scalars=(m,))
    z: Stored[Tensor[(m,), f32], slot(0, begin=128)] = op("add", y, constant)
    w: Tensor[(m,), f32] = invoke("missing", z, scalars=(m * 2, 3), outputs=())
    return w
)");
}

} // namespace
} // namespace tw::test
