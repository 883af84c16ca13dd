// The whole core: what a native user includes.
#pragma once
#include "config.hpp"
#include "registry.hpp"
#include "registry_rows.hpp"
#if !defined(__CUDACC__)
#include "loops/elementwise.hpp"
#include "loops/row.hpp"
#endif
