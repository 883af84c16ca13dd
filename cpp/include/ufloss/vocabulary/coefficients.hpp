// Written by cpp/tools/fit_coefficients.py.  Each line: interval, degree, error of the rounded coefficients
// in ulp of the result.
#pragma once
#include "ufloss/config.hpp"

UFL_BEGIN
namespace coef {
template <class T> struct exp;
// [-0.34661, 0.34661], degree 4, 0.24 ulp
template <> struct exp<float> {
  static constexpr float c[] = {0x1.fffffe0000000p-2f, 0x1.5554aa0000000p-3f, 0x1.55579e0000000p-5f,
                                0x1.122c740000000p-7f, 0x1.6ab34a0000000p-10f};
};
// [-0.34661, 0.34661], degree 10, 0.0031 ulp
template <> struct exp<double> {
  static constexpr double c[] = {0x1.0000000000000p-1,  0x1.5555555555559p-3,  0x1.5555555555559p-5,
                                 0x1.111111110f707p-7,  0x1.6c16c16c1627dp-10, 0x1.a01a01af877f4p-13,
                                 0x1.a01a019e861a5p-16, 0x1.71ddf99e91dd7p-19, 0x1.27e4fde6bc33ap-22,
                                 0x1.af5c179940663p-26, 0x1.1f27a4522c2d7p-29};
};
template <class T> struct log;
// [-0.25, 0.5], degree 8, 0.091 ulp
template <> struct log<float> {
  static constexpr float c[] = {-0x1.0000000000000p-1f, 0x1.5555ac0000000p-2f,  -0x1.0000820000000p-2f,
                                0x1.9967180000000p-3f,  -0x1.54d6b80000000p-3f, 0x1.2875400000000p-3f,
                                -0x1.0e88fc0000000p-3f, 0x1.b1d63a0000000p-4f,  -0x1.7926340000000p-5f};
};
template <class T> struct atanh;
// [1.0e-6, 0.2], degree 7, 0.0012 ulp
template <> struct atanh<double> {
  static constexpr double c[] = {0x1.555555555554fp-1, 0x1.999999999c17ap-2, 0x1.24924921e43cbp-2,
                                 0x1.c71c748fd2e0bp-3, 0x1.745c4ad5738b4p-3, 0x1.3b35c1d666c7fp-3,
                                 0x1.0dcb7f8a4d5b5p-3, 0x1.1b8249e535b51p-3};
};
template <class T> struct log1p01;
// [1.0e-8, 1.0], degree 9, 0.019 ulp
template <> struct log1p01<float> {
  static constexpr float c[] = {-0x1.0000000000000p-1f, 0x1.5554b40000000p-2f,  -0x1.ffdcf00000000p-3f,
                                0x1.9817540000000p-3f,  -0x1.4c5ac40000000p-3f, 0x1.03aaac0000000p-3f,
                                -0x1.5fe0a40000000p-4f, 0x1.6acb8e0000000p-5f,  -0x1.e0e2e80000000p-7f,
                                0x1.2a2a360000000p-9f};
};
template <class T> struct atanh01;
// [1.0e-6, 0.33333], degree 9, 0.012 ulp
template <> struct atanh01<double> {
  static constexpr double c[] = {0x1.5555555555535p-1, 0x1.99999999a0750p-2, 0x1.249249208c59ep-2,
                                 0x1.c71c741c739d0p-3, 0x1.745cb3ffffae2p-3, 0x1.3b1ddb7529148p-3,
                                 0x1.1067c4d153dafp-3, 0x1.efd85359fc1e3p-4, 0x1.55b0d6cf861cap-4,
                                 0x1.5c7934b7c57f4p-3};
};
template <class T> struct logcosh;
// [0.0001, 1.0], degree 5, 0.13 ulp
template <> struct logcosh<float> {
  static constexpr float c[] = {-0x1.5555160000000p-4f, 0x1.6c02bc0000000p-6f,   -0x1.b7f9d80000000p-8f,
                                0x1.10f5d20000000p-9f,  -0x1.25d0300000000p-11f, 0x1.7088e60000000p-14f};
};
// [0.0001, 1.0], degree 13, 0.087 ulp
template <> struct logcosh<double> {
  static constexpr double c[] = {-0x1.55555555554f1p-4,  0x1.6c16c16c0db6ap-6,   -0x1.ba1ba1b588b4ap-8,
                                 0x1.1ea5d305bcfecp-9,   -0x1.833d859af04d4p-11, 0x1.0d0a303859566p-12,
                                 -0x1.7d8f99a7f7402p-14, 0x1.127e5fb423541p-15,  -0x1.8ce1a0824379bp-17,
                                 0x1.196166e46a541p-18,  -0x1.71bb80626056fp-20, 0x1.96160ee5c2576p-22,
                                 -0x1.3b92900a10001p-24, 0x1.f26260f5e1f29p-28};
};
template <class T> struct logcosh_far;
// [1.0e-8, 0.13534], degree 3, 0.014 ulp
template <> struct logcosh_far<float> {
  static constexpr float c[] = {-0x1.fffe000000000p-2f, 0x1.54f1b00000000p-2f, -0x1.f230580000000p-3f,
                                0x1.2e5cf00000000p-3f};
};
// [1.0e-8, 0.13534], degree 8, 0.093 ulp
template <> struct logcosh_far<double> {
  static constexpr double c[] = {-0x1.fffffffff93f2p-2, 0x1.55555550a931ap-2,  -0x1.fffffd6b95301p-3,
                                 0x1.999937b2d1d86p-3,  -0x1.554c964d12556p-3, 0x1.2413662a13862p-3,
                                 -0x1.f6bdc0fafdad4p-4, 0x1.9053424ae96afp-4,  -0x1.ade60ff798897p-5};
};
template <class T> struct tanh;
// [0.0001, 0.625], degree 4, 0.076 ulp
template <> struct tanh<float> {
  static constexpr float c[] = {-0x1.5555320000000p-2f, 0x1.1106f60000000p-3f, -0x1.b835a40000000p-5f,
                                0x1.51f8ca0000000p-6f, -0x1.750cb40000000p-8f};
};
// [0.0001, 0.625], degree 10, 0.092 ulp
template <> struct tanh<double> {
  static constexpr double c[] = {-0x1.55555555554ffp-2,  0x1.111111110ac94p-3,  -0x1.ba1ba1b503af7p-5,
                                 0x1.664f477a635fcp-6,   -0x1.226e161fc08e6p-7, 0x1.d6cf2684b7dbdp-9,
                                 -0x1.7d68935f8a14bp-10, 0x1.3365ab30c98b9p-11, -0x1.df52315bd7925p-13,
                                 0x1.4389a52c067fdp-14,  -0x1.0d987737c0c1cp-16};
};
}  // namespace coef
UFL_END
