# Neither settings nor code are parameters here: a file is right when its checksum is, and never fetched twice.
rule prepare:
    output:
        images="data/{dataset}/train-images-idx3-ubyte",
        labels="data/{dataset}/train-labels-idx1-ubyte",
        test_images="data/{dataset}/t10k-images-idx3-ubyte",
        test_labels="data/{dataset}/t10k-labels-idx1-ubyte",
    log:
        "logs/prepare/{dataset}.log",
    conda:
        "../envs/pipeline.yaml"
    shell:
        "python -m pipeline prepare --dataset {wildcards.dataset} --root data/{wildcards.dataset} > {log} 2>&1"
