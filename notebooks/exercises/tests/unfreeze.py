OK_FORMAT = True

test = {   'name': 'unfreeze',
    'points': 4,
    'suites': [   {   'cases': [   {'code': '>>> assert len(tuned.trainable_weights) == 6\n', 'hidden': False, 'locked': False},
                                   {'code': '>>> assert abs(float(tuned.optimizer.learning_rate.numpy()) - 1e-05) < 1e-09\n', 'hidden': False, 'locked': False}],
                      'scored': True,
                      'setup': '',
                      'teardown': '',
                      'type': 'doctest'}]}
