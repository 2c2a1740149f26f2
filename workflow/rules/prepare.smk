# Neither settings nor code are parameters here: a file is right when its checksum is, and never fetched twice.
rule prepare:
    output:
        **outputs("prepare"),
    log:
        "logs/prepare/{dataset}.log",
    conda:
        "../envs/pipeline.yaml"
    shell:
        "python -m pipeline prepare --dataset {wildcards.dataset} --root data/{wildcards.dataset} > {log} 2>&1"
