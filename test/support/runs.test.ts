import { expect, test } from "vitest";
import { countsIn } from "./runs.ts";

test.each<[Record<string, string>, [number, number, string]]>([
  [{}, [250, 30, "few"]],
  [{ PIXCANARY_THOROUGH: "1" }, [1_000, 1_000, "all"]],
  [{ PIXCANARY_RUNS: "7" }, [7, 7, "few"]],
  [{ PIXCANARY_RUNS: "many" }, [250, 30, "few"]],
])(
  "few cases for whoever waits, all of them in CI, as many as somebody asks for: %j",
  (env, drawn) => {
    const { runs, thoroughly } = countsIn(env);
    expect([runs(1_000), runs(1_000, 30), thoroughly("all", "few")]).toEqual(drawn);
  },
);
